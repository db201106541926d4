"""What an installation wrote, as the records of its cells topic and changelogs say: the newest version of
each page, the ledgers, and from where on the catalogue of today was in force.

Pages are not kept in memory but put on a shelf; of each its stamp and its place there stay, about 400 bytes a
page. Of the ledgers of a source partition a few hundred stay, evenly spread. Decides nothing about whether
what was written is right.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pydantic import ValidationError

from schemas.catalogue import Catalogue
from schemas.errors import StateError
from schemas.records import CELLS_RECORD, CatalogueRecord, Ledger, Roster
from streams.cells.layout import layout_of
from streams.cells.page import PageKey, decode_page, is_page
from streams.windows.frontier import Frontier

#: ledgers kept of one source partition: twice as many at most
LEDGERS = 250
_HEAD = re.compile(
    rb'\{"type":"page",(?:"wide":true,)?"key":\["([^"\\]+)",(\d+),"([^"\\]+)","([mhd])",(-?\d+),(-?\d+),(\d+)\],'
    rb'"stamp":(-?\d+),"first":(-?\d+),'
)

Source = tuple[str, int]


class Shelf(Protocol):
    """Where pages are put: `put` replaces what has this name, `get` gives it back."""

    def put(self, name: Hashable, value: bytes) -> None:
        """Keep it under this name."""
        ...

    def get(self, name: Hashable) -> bytes:
        """What was put there last."""
        ...


class WrittenPage(NamedTuple):
    """The newest version of a page: up to where it has counted, and its first event."""

    stamp: int
    first: int


@dataclass(slots=True)
class WrittenSource:
    """What was written of one source partition.

    `floor`: up to here something may have been counted by another catalogue (−1: nothing). `unequal`: ledgers
    whose counts do not add up.
    """

    pages: dict[PageKey, WrittenPage] = field(default_factory=dict)
    foreign: set[PageKey] = field(default_factory=set)
    ledgers: list[Ledger] = field(default_factory=list)
    newest: Ledger | None = None
    floor: int = -1
    unequal: list[Ledger] = field(default_factory=list)
    _every: int = 1
    _skipped: int = 0

    @property
    def stamp(self) -> int:
        """The last offset that anything written has counted."""
        stamps = [page.stamp for page in self.pages.values()]
        return max([*stamps, self.newest.stamp if self.newest else -1])

    def hear(self, ledger: Ledger) -> None:
        """Take a ledger; one with a lower stamp is of an owner whose time is over."""
        if not _adds_up(ledger):
            self.unequal.append(ledger)
        if self.newest is not None and ledger.stamp <= self.newest.stamp:
            return
        self.newest = ledger
        self._skipped += 1
        if not self.ledgers or self._skipped >= self._every:
            self.ledgers.append(ledger)
            self._skipped = 0
        if len(self.ledgers) >= 2 * LEDGERS:
            self.ledgers, self._every = self.ledgers[::2], 2 * self._every

    def marks(self) -> list[Ledger]:
        """The ledgers that were kept, and the newest, by their stamps."""
        kept = [one for one in self.ledgers if one is not self.newest]
        return [*kept, self.newest] if self.newest else []


class Written:
    """Reads the records of the cells topic, in the order of the log.

    `whole`: the topic still begins at its beginning, so that the first catalogue in it is the first of all.
    """

    def __init__(self, catalogue: Catalogue, shelf: Shelf, *, whole: bool) -> None:
        self._layout = layout_of(catalogue).id
        self._rules = counting_rules(catalogue)
        self._shelf = shelf
        self._is_known, self._is_ours = whole, True
        self.sources: dict[Source, WrittenSource] = {}
        self.frontier = Frontier()
        self.reached_ms: int | None = None

    def take(self, value: bytes, timestamp_ms: int) -> None:
        """Take one record; StateError when it cannot be read."""
        if is_page(value):
            self.page(value)
            return
        try:
            record = CELLS_RECORD.validate_json(value)
        except ValidationError as error:
            shown = f"{value[:40]!r} in the cells topic cannot be read"
            raise StateError(shown, remedy="planwatch rebuild") from error
        if isinstance(record, Ledger):
            self._hear(record, timestamp_ms)
        elif isinstance(record, Roster):
            self.frontier.enrol(record)
        elif isinstance(record, CatalogueRecord):
            self._turn(record.catalogue)

    def page(self, value: bytes) -> None:
        """Take a version of a page, of the cells topic or of a changelog."""
        key, page = _head(value)
        source = self._source((key.topic, key.partition))
        if key.layout != self._layout:
            source.foreign.add(key)
            source.floor = max(source.floor, page.stamp)
        elif key not in source.pages or page.stamp > source.pages[key].stamp:
            source.pages[key] = page
            self._shelf.put(key, value)

    def _hear(self, ledger: Ledger, timestamp_ms: int) -> None:
        source = self._source((ledger.topic, ledger.partition))
        source.hear(ledger)
        if not self._is_ours:
            source.floor = max(source.floor, ledger.stamp)
        self.frontier.hear(ledger, timestamp_ms)
        self.reached_ms = self.frontier.reached(timestamp_ms) or self.reached_ms

    def _turn(self, catalogue: Catalogue) -> None:
        """From here on this catalogue is in force; what was before it, if that is not known, is another's."""
        ours = counting_rules(catalogue) == self._rules
        if not (self._is_known and self._is_ours and ours):
            for source in self.sources.values():
                source.floor = max(source.floor, source.stamp)
        self._is_known, self._is_ours = True, ours

    def _source(self, name: Source) -> WrittenSource:
        return self.sources.setdefault(name, WrittenSource())


def counting_rules(catalogue: Catalogue) -> tuple[object, ...]:
    """Everything in a catalogue that decides what measure counts, and where.

    KPIs count only as far as their measures make the layout; rules, people and channels do not.
    """
    installation = catalogue.installation
    spans = ("disorder", "future_limit", "dedupe_horizon", "keep_minutes", "keep_hours", "keep_days")
    return (
        layout_of(catalogue).id,
        tuple((dimension.id, dimension.limit) for dimension in catalogue.dimensions),
        (installation.currency, installation.minor_digits, installation.time_zone),
        tuple(getattr(installation, name).ms for name in spans),
    )


def _adds_up(ledger: Ledger) -> bool:
    counts = ledger.counts
    return counts.received == counts.counted + counts.duplicate + counts.expired + counts.refused


def _head(value: bytes) -> tuple[PageKey, WrittenPage]:
    """What a page says of itself, without reading its cells."""
    found = _HEAD.match(value)
    if found is None:
        page = decode_page(value)
        return page.key, WrittenPage(page.stamp, page.first)
    topic, partition, layout, grain, *numbers = found.groups()
    start, known, number, stamp, first = map(int, numbers)
    key = PageKey(topic.decode(), int(partition), layout.decode(), grain.decode(), start, known, number)
    return key, WrittenPage(stamp, first)
