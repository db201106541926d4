"""The sums of one window over every scope, kept up to date as panes enter and leave.

What enters is added, what leaves is subtracted: integers, so nothing drifts. A calendar window begins anew
with its period. Smallest and largest cannot be taken back; where the one that leaves was the extreme, they
are found again in the panes that stay.
"""

import numpy as np

from schemas.period import MINUTE_MS
from streams.engine.evaluate.columns import Columns, Floats, Ints, Rows, Table
from streams.engine.evaluate.steps import Steps
from streams.engine.evaluate.store import Store
from streams.engine.evaluate.touched import NO_CHANGE, NONE, Change, union
from streams.windows.panes import Calendar
from streams.windows.spans import Interval, Rolling, Spec, ToDate

_ROOM = 64
#: panes in which smallest and largest are looked for at once
_TOGETHER = 16


class WindowSums:
    """One window: its interval now, and a row of sums for each scope."""

    def __init__(self, spec: Spec, columns: Columns, calendar: Calendar) -> None:
        self.spec = spec
        self.interval = Interval(-(2**62), -(2**62))
        self.filled = False
        #: the next pane end at which the far edge moves
        self._moves_ms = -(2**62)
        self._columns = columns
        self._calendar = calendar
        self._values: Ints = columns.blanks(_ROOM)

    def take(self, rows: Rows) -> Ints:
        """The sums of these scopes."""
        self.reserve(int(rows.max()) + 1 if len(rows) else 0)
        return self._values[rows]

    def present(self, count: int) -> Rows:
        """The scopes, of the first `count`, with anything in the window."""
        self.reserve(count)
        return np.flatnonzero((self._values[:count] != self._columns.blank).any(axis=1))

    def reserve(self, count: int) -> None:
        """Have room for this many scopes."""
        have = len(self._values)
        if count > have:
            self._values = np.vstack([self._values, self._columns.blanks(max(count, 2 * have) - have)])

    def open_for(self, pane_start: int) -> bool:
        """Whether what becomes known of this pane still counts in it."""
        return pane_start >= self.interval.start

    def enter(self, table: Table) -> Rows:
        """Add what became known of a pane that lies in the window; gives the scopes that had nothing."""
        rows = table.rows
        self.reserve(int(rows[-1]) + 1)
        before = self._values[rows]
        self._values[rows] = self._columns.merge(before, table.values)
        self.filled = True
        begun: Rows = rows[(before == self._columns.blank).all(axis=1)]
        return begun

    def foresee(self, row: int, end_ms: int, store: Store) -> Ints:
        """What of the panes that are closed will be in the window at a later pane end, for one scope."""
        rows = np.array([row], dtype=np.int64)
        start = self.spec.at(end_ms, self._calendar).start
        if start == self.interval.start:
            return self.take(rows)
        found = self._columns.blanks(1)
        for _, table in store.scopes(self.spec.grain, Interval(start, 2**62)):
            wanted, here = table.pick(rows)
            if len(wanted):
                found = self._columns.merge(found, table.values[here])
        return found

    def move(self, end_ms: int, store: Store) -> Steps[Change]:
        """Bring the window to this pane end; gives the scopes from which anything left, and what."""
        edge = self.interval.start
        if self.interval.end <= end_ms < self._moves_ms:
            self.interval = Interval(edge, end_ms)
            return NO_CHANGE
        self._go_to(end_ms)
        if isinstance(self.spec, ToDate):
            return self._clear()
        return (yield from self._leave(store, Interval(edge, self.interval.start), self.spec))

    def rebuild(self, end_ms: int, store: Store, scopes: int) -> None:
        """Make the sums anew from the panes."""
        self._go_to(end_ms)
        self._values = self._columns.blanks(max(scopes, _ROOM))
        self.filled = False
        for _, table in store.scopes(self.spec.grain, self.interval):
            self.enter(table)

    def next_change(self, store: Store) -> int | None:
        """The next pane end at which something leaves, or a period that has content is whole or over."""
        if isinstance(self.spec, ToDate):
            if not self.filled:
                return None
            closes = self._moves_ms - MINUTE_MS
            return closes if closes > self.interval.end else self._moves_ms
        first = store.panes[self.spec.grain].first_from(self.interval.start)
        return None if first is None else self.spec.leaves(first, self._calendar)

    def is_whole(self, end_ms: int) -> bool:
        """Whether its calendar period ends here, where it is now."""
        return isinstance(self.spec, ToDate) and end_ms + MINUTE_MS == self._moves_ms

    def natural(self, rows: Rows) -> Floats:
        """The sums of these scopes in natural units."""
        return self._columns.natural(self.take(rows))

    def _go_to(self, end_ms: int) -> None:
        spec, calendar = self.spec, self._calendar
        self.interval = spec.at(end_ms, calendar)
        start = self.interval.start
        if isinstance(spec, Rolling):
            self._moves_ms = spec.leaves(start, calendar)
        else:
            self._moves_ms = spec.closes(start, calendar) + MINUTE_MS

    def _clear(self) -> Change:
        rows = self.present(len(self._values)) if self.filled else NONE
        columns = self._columns.held(self._values[rows])
        self._values[rows] = self._columns.blank
        self.filled = False
        return Change(rows, columns)

    def _leave(self, store: Store, gone: Interval, spec: Rolling) -> Steps[Change]:
        left: list[Rows] = []
        columns: set[int] = set()
        for _, table in store.scopes(spec.grain, gone):
            rows, values = table.rows, table.values
            self.reserve(int(rows[-1]) + 1)
            now = self._values[rows]
            left.append(rows)
            columns |= self._columns.held(values)
            if self._columns.plain:
                self._values[rows] = now - values
            else:
                self._values[rows] = self._columns.less(now, values)
                yield from self._search(store, rows, now, values)
            yield
        return Change(union(left), frozenset(columns)) if left else NO_CHANGE

    def _search(self, store: Store, rows: Rows, now: Ints, gone: Ints) -> Steps[None]:
        """Find smallest and largest again for scopes whose extreme has left."""
        extreme = self._columns.extreme
        same = (now[:, extreme] == gone[:, extreme]) & (gone[:, extreme] != self._columns.blank[extreme])
        lost = rows[same.any(axis=1)]
        if not len(lost):
            return
        tables = [table for _, table in store.scopes(self.spec.grain, Interval(self.interval.start, 2**62))]
        found = self._columns.blanks(len(lost))
        for begin in range(0, len(tables), _TOGETHER):
            yield
            self._fold_extremes(found, lost, tables[begin : begin + _TOGETHER])
        self._values[np.ix_(lost, extreme)] = found[:, extreme]

    def _fold_extremes(self, found: Ints, rows: Rows, tables: list[Table]) -> None:
        """Smallest and largest of these panes, into one line for each of the rows (ascending)."""
        there = np.concatenate([table.rows for table in tables])
        at = np.searchsorted(rows, there)
        at[at == len(rows)] = 0
        here = (rows[at] == there).nonzero()[0]
        at = at[here]
        for columns, function in ((self._columns.mins, np.minimum), (self._columns.maxs, np.maximum)):
            for column in columns.tolist():
                values = np.concatenate([table.values[:, column] for table in tables])
                function.at(found[:, column], at, values[here])
