"""A source partition that an installation counted, with what it wrote: for tests of recount and audit."""

from dataclasses import dataclass, field
from typing import Any

from schemas.catalogue import Catalogue
from schemas.records import Ledger
from streams.cells.page import Page, decode_page
from streams.engine.measure import Limits, MeasureRows, SourceFold
from streams.engine.recount.audit import SourceAudit, Subject
from streams.engine.recount.findings import Findings
from streams.engine.recount.source import Admitted
from streams.engine.recount.source import Limits as Settings
from streams.engine.recount.written import Written
from tests.measure_builders import TOPIC, Record

#: cells of a page
ROOM = 2


class Memory(dict[Any, bytes]):
    """A shelf."""

    def put(self, name: Any, value: bytes) -> None:
        self[name] = value

    def get(self, name: Any) -> bytes:  # type: ignore[override]
        return self[name]


@dataclass
class Installation:
    """Owners one after the other over one log, and what they write: (cells topic, changelog)."""

    log: list[Record]
    entries: int
    cells: list[bytes] = field(default_factory=list)
    changelog: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    owners: int = 0
    begin: int = 0
    fold: SourceFold = field(init=False)

    def take_over(self, book: Catalogue) -> None:
        rows, self.owners = MeasureRows(), self.owners + 1
        for key, value in self.changelog:
            rows.apply(key, value)
        limits = Limits(self.entries, page_cells=ROOM)
        self.fold = SourceFold.restore(TOPIC, 0, book, f"o{self.owners}", rows, limits=limits)
        self.put(self.fold.ledger())

    def put(self, ledger: Ledger) -> None:
        self.cells.append(ledger.model_dump_json().encode())

    def read(self, count: int | None) -> None:
        new = [one for one in self.log if one.offset > self.fold.stamp]
        self.fold.fold(new[:count])

    def flush(self, reach: int | None) -> None:
        """Write, in order, so many of the writes; None: all of them, to the confirmation."""
        flush = self.fold.flush()
        if flush is None:
            return
        steps: list[tuple[bytes | None, bytes]] = [*flush.rows, *((None, page) for page in flush.pages)]
        steps += [flush.ledger_row, (None, flush.ledger.model_dump_json().encode())]
        for key, value in steps[:reach]:
            if key is None:
                self.cells.append(value)
            else:
                self.changelog.append((key, value))
        if reach is None:
            self.changelog += self.fold.confirmed(flush)

    def values(self) -> list[Admitted]:
        rows = MeasureRows()
        for key, value in self.changelog:
            rows.apply(key, value)
        return [Admitted(*value) for value in rows.read().values]


def audited(made: Installation, book: Catalogue, *, deleted: int = 0, forgotten: int = 0) -> Findings:
    """The audit by a catalogue, after the first records of the log and of the cells topic are gone."""
    shelf, limits = Memory(), Settings(dedupe_entries=made.entries)
    written = Written(book, shelf, whole=not forgotten)
    for value in made.cells[forgotten:]:
        written.take(value, 0)
    log = made.log[deleted:]
    begin = log[0].offset if deleted else made.begin
    of_it = written.sources[TOPIC, 0]
    subject = Subject((TOPIC, 0), of_it, begin, not forgotten, made.values())
    audit = SourceAudit(subject, book, shelf, Findings(), limits=limits, room=ROOM)
    for at in range(0, len(log), 7):
        audit.take(log[at : at + 7])
    return audit.finish()


def newest(cells: list[bytes]) -> dict[Any, Page]:
    pages: dict[Any, Page] = {}
    for page in map(decode_page, (value for value in cells if value.startswith(b'{"type":"page"'))):
        if page.key not in pages or page.stamp > pages[page.key].stamp:
            pages[page.key] = page
    return pages
