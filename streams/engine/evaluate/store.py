"""The panes that are kept: minutes, hours and days, each as tables of leaves and of scopes.

Whatever becomes known is added to its minute (while minutes are kept), its hour and its day, so that each
grain holds all that is known of its panes. Knows nothing of windows or KPIs.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from schemas.catalogue import Installation
from schemas.period import DAY_MS, HOUR_MS
from streams.engine.evaluate.columns import Columns, Table, folding
from streams.engine.evaluate.steps import Steps, at_once
from streams.windows.panes import Calendar
from streams.windows.spans import Interval, PaneGrain

_PARTS = 8
GRAINS: tuple[PaneGrain, ...] = ("m", "h", "d")
NESTED: dict[str, tuple[PaneGrain, ...]] = {"m": ("m", "h", "d"), "h": ("h", "d"), "d": ("d",)}


class Pile:
    """Tables that are merged when somebody reads them, or when they are many and as large as what is merged.

    So a row is merged a few times at most, however small the pieces are in which a pane becomes known.
    """

    __slots__ = ("_fresh", "_merged", "_parts")

    def __init__(self) -> None:
        self._parts: list[Table] = []
        self._merged = 0
        self._fresh = 0

    def add(self, table: Table, columns: Columns) -> Steps[None]:
        """Lay one more on it."""
        self._parts.append(table)
        self._fresh += len(table.rows)
        if len(self._parts) >= _PARTS and self._fresh >= self._merged:
            yield from self.merge(columns)

    def merge(self, columns: Columns) -> Steps[Table]:
        """All of it as one table, made in steps."""
        if not self._is_one(columns):
            widened = [Table(part.rows, columns.widen(part.values)) for part in self._parts]
            self._parts = [(yield from folding(widened, columns))]
            self._merged, self._fresh = len(self._parts[0].rows), 0
        return self._parts[0]

    def table(self, columns: Columns) -> Table:
        """All of it as one table."""
        return self._parts[0] if self._is_one(columns) else at_once(self.merge(columns))

    def _is_one(self, columns: Columns) -> bool:
        return len(self._parts) == 1 and self._parts[0].values.shape[1] == len(columns)


class Panes:
    """The panes of one grain by their start, in order."""

    def __init__(self) -> None:
        self.leaves: dict[int, Pile] = {}
        self.scopes: dict[int, Pile] = {}
        self.starts: list[int] = []

    def add(self, start: int, leaves: Table, scopes: Table, columns: Columns) -> Steps[None]:
        """Add what became known of a pane."""
        if start not in self.leaves:
            self.leaves[start], self.scopes[start] = Pile(), Pile()
            insort(self.starts, start)
        yield from self.leaves[start].add(leaves, columns)
        yield from self.scopes[start].add(scopes, columns)

    def within(self, interval: Interval) -> list[int]:
        """Starts of the panes whose start lies in the interval."""
        begin = bisect_left(self.starts, interval.start)
        return self.starts[begin : bisect_left(self.starts, interval.end, lo=begin)]

    def first_from(self, ms: int) -> int | None:
        """The start of the first pane that begins at or after this instant."""
        at = bisect_left(self.starts, ms)
        return self.starts[at] if at < len(self.starts) else None

    def prune(self, edge: int) -> None:
        """Forget the panes that begin before this instant."""
        gone = bisect_left(self.starts, edge)
        for start in self.starts[:gone]:
            del self.leaves[start], self.scopes[start]
        del self.starts[:gone]


class Kept:
    """How long each grain is kept, with room for a window's own edge."""

    def __init__(self, installation: Installation) -> None:
        self.length: dict[PaneGrain, int] = {
            "m": max(installation.keep_minutes.ms, HOUR_MS) + HOUR_MS,
            "h": max(installation.keep_hours.ms, 7 * DAY_MS) + DAY_MS,
            "d": installation.keep_days.ms + DAY_MS,
        }

    def edge(self, grain: PaneGrain, at_ms: int, calendar: Calendar) -> int:
        """Panes of this grain that begin before it are not kept any more."""
        return calendar.floor(grain, at_ms - self.length[grain])


class Store:
    """All panes that are kept at `at_ms`."""

    def __init__(self, columns: Columns, calendar: Calendar, kept: Kept) -> None:
        self.columns = columns
        self.calendar = calendar
        self.kept = kept
        self.panes: dict[PaneGrain, Panes] = {grain: Panes() for grain in GRAINS}
        #: how often content came into an hour that had ended, and the pane end at which it last did
        self.late = 0
        self.late_ms = -(2**62)
        self._edges: dict[PaneGrain, int] = dict.fromkeys(GRAINS, -(2**62))

    def add(self, grain: PaneGrain, start: int, leaves: Table, scopes: Table, end_ms: int) -> Steps[None]:
        """Add what became known of a pane in the pane that ends at `end_ms`."""
        if self.calendar.end("h", self.calendar.floor("h", start)) < end_ms:
            self.late += 1
            self.late_ms = end_ms
        for nested in NESTED[grain]:
            yield from self._add(nested, self.calendar.floor(nested, start), leaves, scopes)

    def put(self, grain: PaneGrain, start: int, leaves: Table, scopes: Table) -> None:
        """Add to one grain only, unless the pane is not kept any more."""
        at_once(self._add(grain, start, leaves, scopes))

    def _add(self, grain: PaneGrain, start: int, leaves: Table, scopes: Table) -> Steps[None]:
        if start >= self._edges[grain]:
            yield from self.panes[grain].add(start, leaves, scopes, self.columns)

    def edge(self, grain: PaneGrain) -> int:
        """The start of the oldest pane that may be kept."""
        return self._edges[grain]

    def prune(self, at_ms: int) -> None:
        """Forget what is too old for time `at_ms`."""
        for grain in GRAINS:
            edge = self.kept.edge(grain, at_ms, self.calendar)
            if edge > self._edges[grain]:
                self._edges[grain] = edge
                self.panes[grain].prune(edge)

    def scopes(self, grain: PaneGrain, interval: Interval) -> Iterator[tuple[int, Table]]:
        """Pane starts and scope tables of the panes that begin in the interval."""
        panes = self.panes[grain]
        for start in panes.within(interval):
            yield start, panes.scopes[start].table(self.columns)

    def scope_table(self, grain: PaneGrain, start: int) -> Table | None:
        """The scopes of one pane, None when nothing is known of it."""
        pile = self.panes[grain].scopes.get(start)
        return pile.table(self.columns) if pile else None

    def leaf_tables(self, grain: PaneGrain, starts: Iterable[int]) -> Iterator[tuple[int, Table]]:
        """The leaves of these panes, of which something is known."""
        piles = self.panes[grain].leaves
        for start in starts:
            yield start, piles[start].table(self.columns)
