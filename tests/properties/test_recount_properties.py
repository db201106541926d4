"""The audit over random logs and owners: what measure wrote is never called wrong, a change always."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.catalogue import Catalogue
from schemas.kpi import Measure
from schemas.records import Ledger
from streams.cells.page import Page, decode_page, encode_page
from streams.engine.measure import Limits, MeasureRows, SourceFold
from streams.engine.recount.audit import SourceAudit, Subject
from streams.engine.recount.findings import Findings, Uncompared
from streams.engine.recount.source import Admitted
from streams.engine.recount.source import Limits as Settings
from streams.engine.recount.written import Written
from tests.measure_builders import TOPIC, Record, catalogue
from tests.properties.test_measure_properties import RULES, log_of, moves

MINE = catalogue(limit=1, dedupe_horizon="6m", **RULES)
OTHER = catalogue(Measure(event="order", sum="quantity"), limit=1, dedupe_horizon="6m", **RULES)
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


@st.composite
def installations(draw: st.DrawFn, books: tuple[Catalogue, ...] = (MINE,)) -> Installation:
    """Any history; the last owner has the first of the books and wrote everything."""
    log = log_of(draw(st.lists(moves, min_size=1, max_size=40)))
    made = Installation(log, draw(st.sampled_from([0, 2, 9, 60, 1_000_000])))
    made.take_over(draw(st.sampled_from(books)))
    for count, reach in draw(
        st.lists(st.tuples(st.integers(1, 12), st.none() | st.integers(0, 12)), max_size=10)
    ):
        made.read(count)
        made.flush(reach)
        if reach is not None:
            made.take_over(draw(st.sampled_from(books)))
    made.flush(None)
    made.take_over(books[0])
    made.read(None)
    made.flush(None)
    return made


def audited(made: Installation, *, deleted: int = 0, forgotten: int = 0) -> Findings:
    """The audit after the log's first `deleted` records and the first `forgotten` of the cells are gone."""
    shelf, limits = Memory(), Settings(dedupe_entries=made.entries)
    written = Written(MINE, shelf, whole=not forgotten)
    for value in made.cells[forgotten:]:
        written.take(value, 0)
    log = made.log[deleted:]
    begin = log[0].offset if deleted else 0
    of_it = written.sources[TOPIC, 0]
    subject = Subject((TOPIC, 0), of_it, begin, not forgotten, made.values())
    audit = SourceAudit(subject, MINE, shelf, Findings(), limits=limits, room=ROOM)
    for at in range(0, len(log), 7):
        audit.take(log[at : at + 7])
    return audit.finish()


def newest(cells: list[bytes]) -> dict[Any, Page]:
    pages: dict[Any, Page] = {}
    for page in map(decode_page, (value for value in cells if value.startswith(b'{"type":"page"'))):
        if page.key not in pages or page.stamp > pages[page.key].stamp:
            pages[page.key] = page
    return pages


@settings(max_examples=60, deadline=None)
@given(installations())
def test_whatever_owners_wrote_is_what_a_recount_finds(made: Installation) -> None:
    found = audited(made)
    assert found.differences == []
    assert found.pages == len(newest(made.cells))
    assert found.cells == sum(len(page.cells) for page in newest(made.cells).values())
    assert found.uncompared.total() == 0
    assert found.ledgers >= 1


@settings(max_examples=60, deadline=None)
@given(installations(), st.data())
def test_a_log_whose_beginning_is_deleted_gives_no_false_difference(
    made: Installation, data: st.DataObject
) -> None:
    deleted = data.draw(st.integers(0, len(made.log) - 1))
    forgotten = data.draw(st.integers(0, len(made.cells) - 1))
    ledger, begin = made.fold.ledger(), made.log[deleted].offset
    assume(not deleted or ledger.counts.received != ledger.stamp + 1 - begin)  # as if counting began there
    found = audited(made, deleted=deleted, forgotten=forgotten)
    assert found.differences == []
    assert found.pages + found.uncompared.total() == len(newest(made.cells[forgotten:]))


@settings(max_examples=60, deadline=None)
@given(installations(books=(MINE, OTHER)))
def test_a_catalogue_that_changed_gives_no_false_difference(made: Installation) -> None:
    found = audited(made)
    assert found.differences == []
    pages = newest(made.cells)
    others = [key for key in pages if key.layout != made.fold._writer._layout.id]
    assert found.uncompared[Uncompared.OTHER_LAYOUT] == len(others)
    assert found.pages + found.uncompared.total() == len(pages)


@settings(max_examples=40, deadline=None)
@given(installations(), st.data())
def test_a_page_that_was_changed_is_named_with_its_measure(made: Installation, data: st.DataObject) -> None:
    pages = newest(made.cells)
    if not pages:
        return
    page = pages[data.draw(st.sampled_from(sorted(pages)))]
    leaf = data.draw(st.sampled_from(sorted(page.cells)))
    page.cells[leaf][1] = (page.cells[leaf][1] or 0) + 1
    page.stamp = made.log[-1].offset + 1
    made.log.append(Record(page.stamp, made.log[-1].timestamp, b"refused"))
    made.cells.append(encode_page(page))
    found = audited(made)
    named = [(one.page, one.leaf, one.what) for one in found.differences]
    assert named == [(page.key, leaf, "order.count")]


@settings(max_examples=40, deadline=None)
@given(installations(), st.data())
def test_a_page_that_never_arrived_is_named(made: Installation, data: st.DataObject) -> None:
    pages = newest(made.cells)
    if not pages:
        return
    key = data.draw(st.sampled_from(sorted(pages)))
    gone = [value for value in made.cells if b'"page"' in value and decode_page(value).key == key]
    made.cells = [value for value in made.cells if value not in gone]
    found = audited(made)
    assert [(one.page, one.what, one.written) for one in found.differences] == [(key, "page", None)]
