"""What a window held some time ago, over every scope: the expectation of rules that compare with `previous`.

Whole panes are summed once and kept until the window moves on or late content arrives; only the panes cut
by an edge are added each time. Decides also at which pane ends an expectation that moves is looked at
again: every quarter of an hour, and only for scopes in whose panes the edges are.
"""

from collections.abc import Iterable
from operator import is_

import numpy as np

from schemas.period import HOUR_MS
from streams.decisions.expectation import Kept, Piece, compose, earlier
from streams.engine.evaluate.columns import Columns, Floats, Ints, Rows, Table
from streams.engine.evaluate.steps import Steps
from streams.engine.evaluate.store import Store
from streams.engine.evaluate.touched import union
from streams.windows.panes import Calendar
from streams.windows.spans import Interval, PaneGrain, Rolling, Spec

#: an expectation that moves while nothing happens is looked at again this often
STEP_MS = 15 * 60_000
#: intervals remembered: one step asks for the same ones several times
_INTERVALS = 16
_NONE: Rows = np.empty(0, dtype=np.int64)


class Earlier:
    """One window shifted by one span; `measured` are the columns that anybody looks at."""

    def __init__(self, spec: Spec, ago_ms: int, store: Store, measured: Iterable[int]) -> None:
        self.spec = spec
        self.ago_ms = ago_ms
        self._store = store
        self._places = sorted(set(measured))
        self._columns: Columns = store.columns.only(self._places)
        self._calendar: Calendar = store.calendar
        self._summed: tuple[Interval, int, int] | None = None
        self._cut: list[Piece] = []
        self._next: int | None = None
        self._next_late = -1
        self._core: Ints = self._columns.blanks(0)
        self._edges = _Edges()
        self._intervals: dict[int, Interval] = {}

    def interval(self, end_ms: int) -> Interval:
        """The interval that is compared with at this pane end."""
        found = self._intervals.get(end_ms)
        if found is None:
            if len(self._intervals) >= _INTERVALS:
                self._intervals.clear()
            found = self._intervals[end_ms] = earlier(self.spec, end_ms, self.ago_ms, self._calendar)
        return found

    def pieces(self, end_ms: int) -> list[Piece]:
        """The panes that make it up."""
        return compose(self.interval(end_ms), self._calendar, self._kept())

    def natural(self, rows: Rows, end_ms: int) -> Steps[Floats]:
        """What these scopes held then in the measured columns, in natural units; NaN in a smallest or largest
        where nothing was.
        """
        interval = self.interval(end_ms)
        inner = self._inner(interval)
        yield from self._sum(inner)
        whole, paced = self._take(rows), np.zeros((len(rows), len(self._columns)))
        kept = self._kept()
        for edge in (Interval(interval.start, inner.start), Interval(inner.end, interval.end)):
            for piece in compose(edge, self._calendar, kept):
                self._add(piece, rows, whole, paced)
                yield
        for piece in self._cut:
            self._add(piece, rows, whole, paced)
            yield
        found: Floats = np.zeros((len(rows), len(self._store.columns)))
        found[:, self._places] = self._columns.natural(whole) + self._columns.scaled(paced)
        return found

    def _add(self, piece: Piece, rows: Rows, whole: Ints, paced: Floats) -> None:
        table = self._store.scope_table(piece.grain, piece.start)
        if table is None:
            return
        wanted, here = table.pick(rows)
        values = table.values[here][:, self._places]
        if piece.weight == 1:
            whole[wanted] = self._columns.merge(whole[wanted], values)
            return
        added, extreme = self._columns.split(values)
        paced[wanted] += added * piece.weight
        whole[wanted] = self._columns.merge(whole[wanted], extreme)

    def _inner(self, interval: Interval) -> Interval:
        """The whole hours in it: what changes only once an hour."""
        start, end = self._calendar.floor("h", interval.start), self._calendar.floor("h", interval.end)
        if start < interval.start:
            start = self._calendar.end("h", start)
        return Interval(start, end) if start < end else Interval(interval.start, interval.start)

    def _kept(self) -> Kept:
        return Kept(self._store.edge("m"), self._store.edge("h"))

    def moved(self, end_ms: int) -> Rows:
        """The scopes of which anything may have moved in the last quarter of an hour."""
        now, before = self.interval(end_ms), self.interval(end_ms - STEP_MS)
        grain = self._grain()
        tables = [
            table
            for edge in (Interval(before.end, now.end), Interval(before.start, now.start))
            if edge.start < edge.end
            for _, table in self._store.scopes(grain, self._panes(grain, edge))
        ]
        self._edges.lay(tables)
        return self._edges.rows

    def moved_in(self, measured: frozenset[int]) -> Rows:
        """Of those that `moved` last gave, the scopes in which one of these columns holds anything."""
        return self._edges.rows_in(measured, self._store.columns)

    def next_move(self, after_ms: int) -> int | None:
        """The next pane end at which `moved` may find something; None while there is nothing to come."""
        if self._next is None or self._next <= after_ms or self._next_late != self._store.late:
            self._next, self._next_late = self._search(after_ms), self._store.late
        return self._next

    def _search(self, after_ms: int) -> int | None:
        now = self.interval(after_ms)
        grain = self._grain()
        waits = []
        edges = (now.end, now.start) if isinstance(self.spec, Rolling) else (now.end,)
        for edge in edges:
            first = self._store.panes[grain].first_from(self._calendar.floor(grain, edge))
            if first is not None:
                waits.append(max(first - edge, 0))
        if not waits:
            return None
        return (after_ms + min(waits)) // STEP_MS * STEP_MS + STEP_MS

    def _grain(self) -> PaneGrain:
        longest = self.ago_ms + (self.spec.length_ms if isinstance(self.spec, Rolling) else 0) + HOUR_MS
        return "h" if longest <= self._store.kept.length["h"] else "d"

    def _panes(self, grain: PaneGrain, edge: Interval) -> Interval:
        return Interval(self._calendar.floor(grain, edge.start), edge.end)

    def _sum(self, inner: Interval) -> Steps[None]:
        hours_from = self._store.edge("h")
        state = (inner, self._store.late, hours_from)
        if state == self._summed:
            return
        self._summed = None
        self._core[:] = self._columns.blank
        pieces = compose(inner, self._calendar, Kept(inner.end, hours_from))
        self._cut = [piece for piece in pieces if piece.weight < 1]
        for piece in pieces:
            table = self._store.scope_table(piece.grain, piece.start) if piece.weight == 1 else None
            if table is not None:
                self._reserve(int(table.rows[-1]) + 1)
                values = table.values[:, self._places]
                self._core[table.rows] = self._columns.merge(self._core[table.rows], values)
                yield
        self._summed = state

    def _reserve(self, count: int) -> None:
        if count > len(self._core):
            self._core = np.vstack([self._core, self._columns.blanks(2 * count - len(self._core))])

    def _take(self, rows: Rows) -> Ints:
        self._reserve(int(rows.max()) + 1 if len(rows) else 0)
        return self._core[rows]


class _Edges:
    """The panes in which the edges of an interval are; the same for every step within them."""

    def __init__(self) -> None:
        self._tables: list[Table] = []
        self.rows: Rows = _NONE
        self._known: dict[frozenset[int], Rows] = {}

    def lay(self, tables: list[Table]) -> None:
        """Take these panes; nothing is computed again while they are the same."""
        if len(tables) == len(self._tables) and all(map(is_, tables, self._tables)):
            return
        self._tables, self._known = tables, {}
        self.rows = union([table.rows for table in tables])

    def rows_in(self, measured: frozenset[int], columns: Columns) -> Rows:
        """The scopes in which one of these columns holds anything."""
        found = self._known.get(measured)
        if found is None:
            few = sorted(measured)
            blank = columns.blank[few]
            held = [t.rows[(t.values[:, few] != blank).any(axis=1)] for t in self._tables]
            found = self._known[measured] = union(held)
        return found
