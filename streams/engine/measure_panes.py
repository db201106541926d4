"""The pages of a source partition that may still change, and the pane in which an event counts.

An event is on time while its minute pane is not yet behind the partition's own watermark. A late one counts
in a page of its own, keyed by the minute pane in which it became known: in its minute, later in its hour,
later still in its day, and then no more. A page whose known pane lies behind the watermark is final: no
event can reach it any more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count, islice
from typing import NamedTuple

from schemas.catalogue import Installation
from schemas.period import MINUTE_MS
from streams.cells.layout import Cell, Layout, Leaf
from streams.cells.page import ROOM, Page, PageKey, StoredPage
from streams.engine.measure_packed import Leaves, PackedCells
from streams.windows.panes import Calendar, Grain

#: before the first event
NEVER = -(2**62)
#: pages that are held as lists of numbers, unless told otherwise; beyond, those that are quiet are packed
LOOSE = 1024
#: pages that are packed in one go: some 50 ms at most
_AT_ONCE = 100
_GRAINS: dict[str, Grain] = {"m": "m", "h": "h", "d": "d"}


class PaneKey(NamedTuple):
    """A pane and the minute pane in which its events became known."""

    grain: Grain
    start_ms: int
    known_ms: int


@dataclass(slots=True)
class LivePage:
    """A page in memory.

    `stamp`: up to where its stored form has counted; `touched`: its last event. `again`: it is sent though
    nothing was added. It was found stored beyond the ledger's stamp, and nobody knows whether it also reached
    the cells topic; or an event that it has counted came again. So behind a ledger there is every page that
    holds an event from behind that ledger, also for a reader who has no more than what is behind it.
    `cells` are those that were touched of late, `packed` how all were when it was packed: a cell that is in
    both is as in `cells`.
    """

    key: PageKey
    first: int
    stamp: int = -1
    touched: int = -1
    again: bool = False
    cells: dict[Leaf, Cell] = field(default_factory=dict)
    packed: PackedCells | None = None
    #: leaves in it
    size: int = 0

    @property
    def is_dirty(self) -> bool:
        """Whether its stored form is behind, or what was sent of it."""
        return self.again or self.touched > self.stamp

    def snapshot(self, stamp: int) -> Page:
        """The page as counted up to `stamp`, or further where its stored form already is; then it is
        clean."""
        self.stamp, self.again = max(self.stamp, stamp), False
        return Page(self.key, self.stamp, self.first, self.all_cells())

    def all_cells(self) -> dict[Leaf, Cell]:
        """The cells by leaf."""
        return self.cells if self.packed is None else self.packed.cells() | self.cells


def live_page(page: StoredPage, stamp: int, packed: PackedCells | None = None) -> LivePage:
    """A stored page, taken over by a ledger that has counted up to `stamp`; its cells packed, if they are."""
    ahead, cells = page.stamp > stamp, {} if packed is not None else page.page().cells
    return LivePage(page.key, page.first, page.stamp, page.stamp, ahead, cells, packed, len(page.leaves))


@dataclass(slots=True)
class Pane:
    """The pages of one pane key by number, and where each leaf is: as a list, or at which packed place.

    `full`: pages before this number have no room any more.
    """

    key: PaneKey
    pages: dict[int, LivePage] = field(default_factory=dict)
    places: dict[Leaf, tuple[Cell, LivePage]] = field(default_factory=dict)
    packed: dict[Leaf, int] = field(default_factory=dict)
    full: int = 0

    def add(self, page: LivePage) -> None:
        """Take in a page with its cells."""
        self.pages[page.key.number] = page
        self.places.update((leaf, (cell, page)) for leaf, cell in page.cells.items())

    def find(self, leaf: Leaf) -> tuple[Cell, LivePage] | None:
        """The cell of a leaf and its page; one that is packed is taken out."""
        place = self.places.get(leaf)
        if place is None and (at := self.packed.get(leaf)) is not None:
            page = self.pages[at // ROOM]
            assert page.packed is not None
            place = self.places[leaf] = page.packed.cell(at % ROOM), page
            page.cells[leaf] = place[0]
        return place

    def pack(self, page: LivePage, empty: Cell, leaves: Leaves) -> bool:
        """Pack the cells of a page; False when one has a number that is too large for that."""
        packed = PackedCells.of(page.all_cells(), empty, leaves)
        if packed is None:
            return False
        for leaf in page.cells:
            self.places.pop(leaf, None)
        page.packed, page.cells = packed, {}
        self.add_packed(page, packed, leaves)
        return True

    def add_packed(self, page: LivePage, packed: PackedCells, leaves: Leaves) -> None:
        """Take in a page all of whose cells are packed."""
        self.pages[page.key.number] = page
        begin = page.key.number * ROOM
        self.packed.update(zip(packed.leaves, leaves.numbers(begin, len(packed.leaves)), strict=True))


class Panes:
    """The panes of one source partition that are not final."""

    def __init__(
        self,
        source: tuple[str, int],
        layout: Layout,
        installation: Installation,
        room: int = ROOM,
        loose: int = LOOSE,
    ) -> None:
        self._source = source
        self._room = room
        self._loose = loose
        self._layout = layout
        self._calendar = Calendar(installation.time_zone, installation.week_start)
        self._keep_minutes = installation.keep_minutes.ms
        self._keep_hours = installation.keep_hours.ms
        self._keep_days = installation.keep_days.ms
        #: minute panes whose events were on time, by start
        self.on_time: dict[int, Pane] = {}
        self._late: dict[PaneKey, Pane] = {}
        self._leaves = Leaves()
        self._restored = 0

    def open(self, start_ms: int) -> Pane:
        """The pane of the on-time events of a minute."""
        pane = self.on_time.get(start_ms)
        if pane is None:
            pane = self.on_time[start_ms] = Pane(PaneKey("m", start_ms, start_ms))
        return pane

    def late(self, at_ms: int, watermark_ms: int) -> Pane | None:
        """The pane in which a late event counts; None when it has expired.

        How late it is goes from the start of its minute to the start of the watermark's.
        """
        known = watermark_ms - watermark_ms % MINUTE_MS
        start = at_ms - at_ms % MINUTE_MS
        behind = known - start
        if behind > self._keep_days:
            return None
        grain: Grain = "m" if behind <= self._keep_minutes else "h" if behind <= self._keep_hours else "d"
        key = PaneKey(grain, self._calendar.floor(grain, at_ms), known)
        pane = self._late.get(key)
        if pane is None:
            pane = self._late[key] = Pane(key)
        return pane

    def place(self, pane: Pane, leaf: Leaf, offset: int) -> tuple[Cell, LivePage]:
        """The cell of a leaf and its page; a new leaf takes the first page with room.

        Which page that is depends on the log alone, also when the pages after a crash are as of different
        offsets: one that is ahead holds whatever it took up to there, one that is missing has its number
        free.
        """
        found = pane.find(leaf)
        if found is not None:
            return found
        page = pane.pages.get(pane.full)
        if page is None or not self._has_room(page, offset):
            page = self._page_with_room(pane, offset)
        cell = page.cells[leaf] = list(self._layout.empty)
        page.size += 1
        pane.places[leaf] = found = cell, page
        return found

    def _page_with_room(self, pane: Pane, offset: int) -> LivePage:
        """The first page of a pane that has room, or a new one."""
        while pane.full in pane.pages and pane.pages[pane.full].size >= self._room:
            pane.full += 1
        numbers = count(pane.full)
        number = next(n for n in numbers if n not in pane.pages or self._has_room(pane.pages[n], offset))
        page = pane.pages.get(number)
        if page is None:
            grain, start, known = pane.key
            key = PageKey(*self._source, self._layout.id, grain, start, known, number)
            page = LivePage(key, offset)
            pane.add(page)
        return page

    def _has_room(self, page: LivePage, offset: int) -> bool:
        return page.size < self._room and page.stamp < offset

    def restore(self, page: StoredPage, stamp: int) -> None:
        """Take over a stored page of this layout, for a ledger that has counted up to `stamp`."""
        grain, start, known = page.key.grain, page.key.start_ms, page.key.known_ms
        key = PaneKey(_GRAINS[grain], start, known)
        pane = self.open(start) if grain == "m" and start == known else self._late.setdefault(key, Pane(key))
        self._restored += 1
        packed = None
        if self._restored > self._loose and page.leaves:
            packed = PackedCells.stored(page, self._layout.empty, self._leaves)
        live = live_page(page, stamp, packed)
        if packed is None:
            pane.add(live)
        else:
            pane.add_packed(live, packed, self._leaves)

    def _all(self) -> Iterator[Pane]:
        return chain(self.on_time.values(), self._late.values())

    def pages(self) -> Iterator[LivePage]:
        """Every page that is held."""
        for pane in self._all():
            yield from pane.pages.values()

    def pack(self, stamp: int) -> None:
        """Pack some pages that were not touched since the flush at `stamp`, while many are not packed."""
        if sum(len(pane.pages) for pane in self._all()) <= self._loose:
            return
        loose = [(pane, page) for pane in self._all() for page in pane.pages.values() if page.cells]
        quiet = ((pane, page) for pane, page in loose if not page.is_dirty and page.stamp < stamp)
        for pane, page in islice(quiet, max(0, min(len(loose) - self._loose, _AT_ONCE))):
            pane.pack(page, self._layout.empty, self._leaves)

    def retire(self, watermark_ms: int) -> list[LivePage]:
        """Let go of the pages that are final."""
        starts = [start for start in self.on_time if start + MINUTE_MS <= watermark_ms]
        keys = [key for key in self._late if key.known_ms + MINUTE_MS <= watermark_ms]
        final = [self.on_time.pop(start) for start in starts] + [self._late.pop(key) for key in keys]
        return [page for pane in final for page in pane.pages.values()]
