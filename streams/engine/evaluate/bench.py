"""What is looked at when one pane closes: scopes side by side with their sums, values computed once.

A bench holds, for every window, the scopes that were touched. It computes each KPI at most once over all of
them, and tells where a KPI is written and a rule judged: everything where content changed; where nothing but
an expectation moved, only what is held against it.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from streams.decisions.formula import Column
from streams.engine.evaluate.columns import Floats, Rows
from streams.engine.evaluate.plans import KpiPlan, Mask, RulePlan
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.steps import Steps, at_once
from streams.engine.evaluate.sums import WindowSums
from streams.engine.evaluate.touched import NONE, Touched, union
from streams.engine.figures import Label


class Bench:
    """Positions 0…n−1, sorted by window and within it by scope."""

    def __init__(self, scopes: Scopes, touched: Touched) -> None:
        self._scopes = scopes
        self._touched = touched
        self.span: dict[int, tuple[int, int]] = {}
        self._columns = {window: touched.columns(window) for window in touched.windows}
        self._all_columns = frozenset().union(*self._columns.values())
        self._cuts: dict[bytes, Rows] = {}
        self._live: dict[tuple[int, ...], Mask] = {}
        self._picks: dict[tuple[int, bytes, int], Rows] = {}
        self._values: dict[str, Column] = {}
        self._labels: list[Label] | None = None

    @classmethod
    def at_once(cls, windows: Sequence[WindowSums], scopes: Scopes, touched: Touched) -> "Bench":
        """A bench with everything laid on it."""
        bench = cls(scopes, touched)
        at_once(bench.laying(windows))
        return bench

    def laying(self, windows: Sequence[WindowSums]) -> Steps[None]:
        """Lay the sums of what was touched side by side, window by window."""
        self._names = [sums.spec.name for sums in windows]
        rows, natural, begin = [NONE], [windows[0].natural(NONE)], 0
        for window in self._touched.windows:
            here = self._touched.rows(window)
            here = here[np.argsort(self._scopes.rank[here])] if len(here) > 1 else here
            rows.append(here)
            natural.append(windows[window].natural(here))
            self.span[window] = (begin, begin + len(here))
            begin += len(here)
            yield
        self.rows: Rows = np.concatenate(rows)
        self.natural: Floats = np.concatenate(natural)
        self.groups: Rows = self._scopes.group[self.rows]
        self._windows = np.repeat(
            np.array(list(self.span), dtype=np.int64),
            np.array([end - start for start, end in self.span.values()], dtype=np.int64),
        )
        yield from self._placing(self._touched)

    def _placing(self, touched: Touched) -> Steps[None]:
        """Turn scopes into positions: looked at in everything, in the columns that changed, in one KPI."""
        self._whole, self._changed, self._struck = (
            np.zeros(len(self.rows), dtype=np.bool_) for _ in range(3)
        )
        self._due: dict[str, dict[int, Rows]] = {}
        self._drifting: dict[tuple[int, str], Rows] = {}
        place = np.empty(len(self._scopes), dtype=np.int64)
        sort = _Sorting(len(self.rows))
        for window, (start, end) in self.span.items():
            place[self.rows[start:end]] = np.arange(start, end)
            self._whole[place[touched.whole(window)]] = True
            self._changed[place[touched.changed(window)]] = True
            self._struck[place[touched.struck(window)]] = True
            for kpi, rows in touched.due(window):
                self._due.setdefault(kpi, {})[window] = sort.of(place[rows], start)
                yield
            for kpi, rows in touched.drifting(window):
                self._drifting[window, kpi] = sort.of(place[rows], start)
                yield
        self._any_whole = bool(self._whole.any())
        self._any = self._any_whole or bool(self._changed.any())

    def __len__(self) -> int:
        return len(self.rows)

    def cut(self, kpi: KpiPlan) -> Rows:
        """The positions of the windows and groupings for which a KPI is written."""
        found = self._cuts.get(kpi.cut_key)
        if found is None:
            found = self._cuts[kpi.cut_key] = kpi.cut[self._windows, self.groups].nonzero()[0]
        return found

    def kpis(self, names: Iterable[str]) -> list[str]:
        """Those of these KPIs, in their order, that may be written at all."""
        return [name for name in names if self._any or name in self._due]

    def written(self, kpi: KpiPlan) -> Rows:
        """The positions at which a figure is due: where its content changed, and where it is due itself."""
        due = self._due.get(kpi.kpi.id)
        found = list(due.values()) if due else []
        if self._any and (self._any_whole or not kpi.measured.isdisjoint(self._all_columns)):
            windows = tuple(
                [window for window, columns in self._columns.items() if not kpi.measured.isdisjoint(columns)]
            )
            cut = self.cut(kpi)
            found.append(cut[self._live_in(windows)[cut]])
        return union(found)

    def _live_in(self, windows: tuple[int, ...]) -> Mask:
        """Where everything is looked at, or anything changed in these windows."""
        found = self._live.get(windows)
        if found is None:
            found = self._whole.copy()
            for start, end in (self.span[window] for window in windows):
                found[start:end] |= self._changed[start:end]
            self._live[windows] = found
        return found

    def pick(self, plan: RulePlan, *, everywhere: bool) -> Rows:
        """The positions at which a rule is judged; `everywhere`: also where only others' measures moved."""
        window = plan.window
        reach = 2 if everywhere else 0 if plan.measured.isdisjoint(self._columns[window]) else 1
        key = (window, plan.groups_key, reach)
        found = self._picks.get(key)
        if found is None:
            found = self._picks[key] = self._judged(plan, reach)
        if everywhere:
            return found
        kpi = plan.kpi.kpi.id
        due = (self._due.get(kpi, {}).get(window), self._drifting.get((window, kpi)))
        return union([found, *(rows[plan.groups[self.groups[rows]]] for rows in due if rows is not None)])

    def _judged(self, plan: RulePlan, reach: int) -> Rows:
        start, end = self.span[plan.window]
        here = plan.groups[self.groups[start:end]]
        if reach < 2:
            where = self._whole[start:end] | self._struck[start:end]
            here &= where | self._changed[start:end] if reach else where
        found: Rows = here.nonzero()[0] + start
        return found

    def values(self, kpi: KpiPlan) -> Column:
        """A KPI wherever it may be written or judged; NaN elsewhere and where it has no value."""
        found = self._values.get(kpi.kpi.id)
        if found is None:
            cut = self.cut(kpi)
            if len(cut) == len(self.rows):
                found = kpi.compute(self.natural)
            else:
                found = np.full(len(self.rows), np.nan)
                found[cut] = kpi.compute(self.natural, cut)
            self._values[kpi.kpi.id] = found
        return found

    @property
    def labels(self) -> list[Label]:
        """Window, level and scope of every position."""
        if self._labels is None:
            levels, items, names = self._scopes.levels, self._scopes.items, self._names
            self._labels = [
                (names[window], levels[row], items[row])
                for window, row in zip(self._windows.tolist(), self.rows.tolist(), strict=True)
            ]
        return self._labels


class _Sorting:
    """Positions of one window in their order: marked and read off, which is quicker than to sort them."""

    def __init__(self, size: int) -> None:
        self._marked: Mask = np.zeros(size, dtype=np.bool_)

    def of(self, positions: Rows, start: int) -> Rows:
        """These positions, which lie from `start` on, ascending."""
        end = int(positions.max()) + 1
        self._marked[positions] = True
        found: Rows = self._marked[start:end].nonzero()[0] + start
        self._marked[positions] = False
        return found
