"""What is looked at when one pane closes: scopes side by side with their sums, values computed once.

A bench holds, for every window, the scopes that were touched. It computes each KPI at most once over all of
them, and tells where a KPI is written and a rule judged: everything where content changed; where nothing but
an expectation moved, only what is held against it.
"""

from collections.abc import Sequence

import numpy as np

from streams.decisions.formula import Column
from streams.engine.evaluate.columns import Floats, Rows
from streams.engine.evaluate.plans import KpiPlan, Mask, RulePlan
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.sums import WindowSums
from streams.engine.evaluate.touched import NONE, Touched, union
from streams.engine.figures import Label


class Bench:
    """Positions 0…n−1, sorted by window and within it by scope."""

    def __init__(self, windows: Sequence[WindowSums], scopes: Scopes, touched: Touched) -> None:
        self._scopes = scopes
        self._names = [sums.spec.name for sums in windows]
        self.span: dict[int, tuple[int, int]] = {}
        rows, natural, begin = [NONE], [windows[0].natural(NONE)], 0
        for window in touched.windows:
            here = touched.rows(window)
            here = here[np.argsort(scopes.rank[here])] if len(here) > 1 else here
            rows.append(here)
            natural.append(windows[window].natural(here))
            self.span[window] = (begin, begin + len(here))
            begin += len(here)
        self.rows: Rows = np.concatenate(rows)
        self.natural: Floats = np.concatenate(natural)
        self.groups: Rows = scopes.group[self.rows]
        self._windows = np.repeat(
            np.array(list(self.span), dtype=np.int64),
            np.array([end - start for start, end in self.span.values()], dtype=np.int64),
        )
        self._place(touched)
        self._cuts: dict[bytes, Rows] = {}
        self._picks: dict[tuple[int, bytes, bool], Rows] = {}
        self._values: dict[str, Column] = {}
        self._labels: list[Label] | None = None

    def _place(self, touched: Touched) -> None:
        """Turn scopes into positions: where all KPIs are fresh, all rules are judged, one KPI is due."""
        self._fresh: Mask = np.zeros(len(self.rows), dtype=np.bool_)
        self._judged: Mask = np.zeros(len(self.rows), dtype=np.bool_)
        self._due: dict[str, dict[int, Rows]] = {}
        place = np.empty(len(self._scopes), dtype=np.int64)
        for window, (start, end) in self.span.items():
            place[self.rows[start:end]] = np.arange(start, end)
            self._fresh[place[touched.changed(window)]] = True
            self._judged[place[touched.struck(window)]] = True
            for kpi, rows in touched.due(window).items():
                self._due.setdefault(kpi, {})[window] = np.sort(place[rows])
        self._judged |= self._fresh
        self._all_fresh, self._any_fresh = bool(self._fresh.all()), bool(self._fresh.any())

    def __len__(self) -> int:
        return len(self.rows)

    def cut(self, kpi: KpiPlan) -> Rows:
        """The positions of the windows and groupings for which a KPI is written."""
        found = self._cuts.get(kpi.cut_key)
        if found is None:
            found = self._cuts[kpi.cut_key] = kpi.cut[self._windows, self.groups].nonzero()[0]
        return found

    def written(self, kpi: KpiPlan) -> Rows:
        """The positions at which a figure is due: where content changed, and where the KPI itself is due."""
        if self._all_fresh:
            return self.cut(kpi)
        found = list(self._due.get(kpi.kpi.id, {}).values())
        if self._any_fresh:
            cut = self.cut(kpi)
            found.append(cut[self._fresh[cut]])
        return union(found)

    def pick(self, plan: RulePlan, *, everywhere: bool) -> Rows:
        """The positions at which a rule is judged; `everywhere`: also where only others' measures moved."""
        key = (plan.window, plan.groups_key, everywhere)
        found = self._picks.get(key)
        if found is None:
            start, end = self.span[plan.window]
            here = plan.groups[self.groups[start:end]]
            found = (here if everywhere else here & self._judged[start:end]).nonzero()[0] + start
            self._picks[key] = found
        due = self._due.get(plan.kpi.kpi.id, {}).get(plan.window)
        if due is None or everywhere:
            return found
        return union([found, due[plan.groups[self.groups[due]]]])

    def values(self, kpi: KpiPlan) -> Column:
        """A KPI wherever it may be written or judged; NaN elsewhere and where it has no value."""
        found = self._values.get(kpi.kpi.id)
        if found is None:
            cut = self.cut(kpi)
            if len(cut) == len(self.rows):
                found = kpi.compute(self.natural)
            else:
                found = np.full(len(self.rows), np.nan)
                found[cut] = kpi.compute(self.natural[cut])
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
