"""Every figure at every pane end, from the counted events alone: what each window holds, when that changes.

Walks through time once per window and scope: at each pane end at which anything can change, what began before
the window's start leaves and what has become known enters. Shares no code with the product. `naive.py` says
the same as a plain sum over all events, one value at a time; a test holds one against the other.

What enters after its calendar period has ended belongs to a figure that stands already, that of the period's
end. It counts there, for good, unless the period began before the days that are kept.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from tests.faults.oracle.counted import Counted, Part, part_of, together
from tests.faults.oracle.kpis import FORMULAS, NOTHING, Held
from tests.faults.oracle.shape import DAY_MS, Level, Shape
from tests.faults.oracle.windows import CALENDAR, MINUTE_MS, Clockwork, takes

Scope = tuple[tuple[str, str], ...]
Value = float | None
#: when it enters, start, grain
Pane = tuple[int, int, str]


class Series(NamedTuple):
    """One curve: a KPI over a window for a scope, whose items stand in the catalogue's order."""

    kpi: str
    window: str
    scope: Scope


class History:
    """The values of one series.

    `ends` and `values`: from which pane end on it is what, as it was known then. `closed`: the ends of
    periods that had content after their end, with the value that has all of it. `begun`: first pane ends of
    the periods after these, where nothing was known of their first day yet: a point has to say that they are
    empty. `empty`: the value before anything came.
    """

    def __init__(self, empty: Value) -> None:
        self.empty = empty
        self.ends: list[int] = []
        self.values: list[Value] = []
        self.closed: dict[int, Value] = {}
        self.begun: set[int] = set()

    def note(self, end_ms: int, value: Value) -> None:
        """From this pane end on it is this; pane ends ascend."""
        if value != (self.values[-1] if self.values else self.empty):
            self.ends.append(end_ms)
            self.values.append(value)

    def known_at(self, end_ms: int) -> Value:
        """The value as it was known at this pane end."""
        place = bisect_right(self.ends, end_ms)
        return self.values[place - 1] if place else self.empty

    def at(self, end_ms: int) -> Value:
        """The value that must finally stand at this pane end."""
        return self.closed[end_ms] if end_ms in self.closed else self.known_at(end_ms)


class Entry(NamedTuple):
    """The events of one scope that were counted in the same pane and entered together."""

    enters_ms: int
    start_ms: int
    grain: str
    part: Part


def histories(events: Iterable[Counted], last_end_ms: int, shape: Shape) -> Iterator[tuple[Series, History]]:
    """Every series of the catalogue that can have points up to `last_end_ms`, with its history."""
    clock = Clockwork(shape.zone, shape.week_start)
    windows = sorted({window for cut in shape.cuts.values() for window in cut.windows})
    scopes = entries_by_scope(events, last_end_ms, shape)
    for scope, entries in scopes.items():
        level = tuple(name for name, _ in scope)
        for window in windows:
            kpis = [
                kpi
                for kpi, cut in sorted(shape.cuts.items())
                if window in cut.windows and level in cut.levels
            ]
            mine = [entry for entry in entries if kpis and takes(window, entry.grain)]
            found = {kpi: History(FORMULAS[kpi](NOTHING)) for kpi in kpis}
            _walk(mine, window, last_end_ms, clock, found)
            _close(mine, window, clock, shape.keep_days_ms, found)
            for kpi, history in found.items():
                yield Series(kpi, window, scope), history


def entries_by_scope(events: Iterable[Counted], last_end_ms: int, shape: Shape) -> dict[Scope, list[Entry]]:
    """What each scope has by `last_end_ms`, in the order of entering."""
    levels: set[Level] = {level for cut in shape.cuts.values() for level in cut.levels}
    places = {level: [(name, shape.dimensions.index(name)) for name in level] for level in levels}
    cells: dict[Scope, dict[Pane, Part]] = defaultdict(dict)
    for name, values in shape.expected.items():
        cells.update({((name, value),): {} for value in values})
    for event in events:
        if event.enters_ms <= last_end_ms:
            pane, part = (event.enters_ms, event.start_ms, event.grain), part_of(event.event, event.delay_ms)
            for named in places.values():
                cell = cells[tuple((name, event.leaf[place]) for name, place in named)]
                cell[pane] = together([cell[pane], part]) if pane in cell else part
    return {
        scope: [Entry(*pane, cell[pane]) for pane in sorted(cell)] for scope, cell in sorted(cells.items())
    }


def _walk(
    entries: list[Entry], window: str, last_end_ms: int, clock: Clockwork, found: dict[str, History]
) -> None:
    """Note every change of the window from pane end to pane end."""
    moments = {entry.enters_ms for entry in entries}
    moments |= {clock.leaves_at(window, start) for start in {entry.start_ms for entry in entries}}
    inside, place = _Inside(), 0
    for end in sorted(moment for moment in moments if moment <= last_end_ms):
        start = clock.start_at(window, end)
        inside.leave(start)
        while place < len(entries) and entries[place].enters_ms <= end:
            if entries[place].start_ms >= start:
                inside.enter(entries[place])
            place += 1
        held = inside.held()
        for kpi, history in found.items():
            history.note(end, FORMULAS[kpi](held))


class _Inside:
    """What is in a window now. Heaps give what began first, and the extremes of what has not left."""

    _SIGNS = (("largest", -1), ("smallest", 1), ("slowest", -1))

    def __init__(self) -> None:
        self._sums: dict[str, int] = defaultdict(int)
        self._parts: list[tuple[int, int, Part]] = []
        self._extremes: dict[str, list[tuple[int, int]]] = {name: [] for name, _ in self._SIGNS}
        self._count = 0
        self._start = 0

    def enter(self, entry: Entry) -> None:
        self._count += 1
        heappush(self._parts, (entry.start_ms, self._count, entry.part))
        for name, amount in entry.part.sums.items():
            self._sums[name] += amount
        for name, sign in self._SIGNS:
            if name in entry.part.extremes:
                heappush(self._extremes[name], (sign * entry.part.extremes[name], entry.start_ms))

    def leave(self, start_ms: int) -> None:
        """Take out what began before the window's start."""
        self._start = start_ms
        while self._parts and self._parts[0][0] < start_ms:
            for name, amount in heappop(self._parts)[2].sums.items():
                self._sums[name] -= amount

    def held(self) -> Held:
        extremes: dict[str, int | None] = {}
        for name, sign in self._SIGNS:
            heap = self._extremes[name]
            while heap and heap[0][1] < self._start:
                heappop(heap)
            extremes[name] = sign * heap[0][0] if heap else None
        return Held(self._sums, extremes)


def _close(
    entries: list[Entry], window: str, clock: Clockwork, keep_days_ms: int, found: dict[str, History]
) -> None:
    """Put what entered after its period's end into the figure of that end."""
    if window not in CALENDAR:
        return
    periods: dict[tuple[int, int], list[Entry]] = defaultdict(list)
    days: dict[int, int] = {}
    for entry in entries:
        periods[clock.period(window, entry.start_ms)].append(entry)
        days.setdefault(clock.period("day", entry.start_ms)[0], entry.enters_ms)
    for (start, end), whole in periods.items():
        late = [entry for entry in whole if _is_late(entry, start, end, clock, keep_days_ms)]
        if late:
            known = [entry for entry in whole if entry.enters_ms <= end]
            held = Held(*together([entry.part for entry in known + late]))
            is_silent = days.get(end, late[0].enters_ms + 1) > late[0].enters_ms
            for kpi, history in found.items():
                history.closed[end] = FORMULAS[kpi](held)
                history.begun |= {end + MINUTE_MS} if is_silent else set()


def _is_late(entry: Entry, start_ms: int, end_ms: int, clock: Clockwork, keep_days_ms: int) -> bool:
    """Whether it entered after the period's end, and all days of the period were still kept then."""
    oldest = clock.period("day", entry.enters_ms - keep_days_ms - DAY_MS)[0]
    return entry.enters_ms > end_ms and start_ms >= oldest
