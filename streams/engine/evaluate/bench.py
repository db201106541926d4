"""What is looked at when one pane closes: scopes side by side with their sums, values computed once.

A bench holds, for every window, the scopes whose content changed or whose clock fell due. It computes each
KPI at most once over all of them. It decides nothing.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from streams.decisions.formula import Column
from streams.engine.evaluate.columns import Floats, Rows
from streams.engine.evaluate.plans import KpiPlan, Mask
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.sums import WindowSums
from streams.engine.figures import Label

_NONE: Rows = np.empty(0, dtype=np.int64)


class Bench:
    """Positions 0…n−1, sorted by window and within it by scope; `fresh` where content changed."""

    def __init__(
        self,
        windows: Sequence[WindowSums],
        scopes: Scopes,
        changed: Mapping[int, Rows],
        due: Mapping[int, Rows],
    ) -> None:
        self._scopes = scopes
        self._names = [sums.spec.name for sums in windows]
        self.span: dict[int, tuple[int, int]] = {}
        rows, fresh, natural = [_NONE], [np.zeros(0, dtype=np.bool_)], [windows[0].natural(_NONE)]
        begin = 0
        for window in sorted({*changed, *due}):
            here, new = _together(changed.get(window, _NONE), due.get(window, _NONE), scopes.rank)
            rows.append(here)
            fresh.append(new)
            natural.append(windows[window].natural(here))
            self.span[window] = (begin, begin + len(here))
            begin += len(here)
        self.rows: Rows = np.concatenate(rows)
        self.fresh: Mask = np.concatenate(fresh)
        self.natural: Floats = np.concatenate(natural)
        self.groups: Rows = scopes.group[self.rows]
        self._all_fresh = bool(self.fresh.all())
        self._windows = np.repeat(
            np.array(list(self.span), dtype=np.int64),
            np.array([end - start for start, end in self.span.values()], dtype=np.int64),
        )
        self._cuts: dict[bytes, Rows] = {}
        self._picks: dict[tuple[int, bytes], Rows] = {}
        self._values: dict[str, Column] = {}
        self._labels: list[Label] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def cut(self, kpi: KpiPlan) -> Rows:
        """The positions at which a KPI is written."""
        found = self._cuts.get(kpi.cut_key)
        if found is None:
            found = self._cuts[kpi.cut_key] = np.flatnonzero(kpi.cut[self._windows, self.groups])
        return found

    def written(self, kpi: KpiPlan, *, due: bool) -> Rows:
        """The positions at which a figure is due: where content changed, or also where a clock fell due."""
        cut = self.cut(kpi)
        return cut if due or self._all_fresh else cut[self.fresh[cut]]

    def pick(self, window: int, groups: Mask, key: bytes) -> Rows:
        """The positions of one window that are of these groupings."""
        found = self._picks.get((window, key))
        if found is None:
            start, end = self.span.get(window, (0, 0))
            found = self._picks[window, key] = start + np.flatnonzero(groups[self.groups[start:end]])
        return found

    def values(self, kpi: KpiPlan) -> Column:
        """A KPI at every position where it is written or judged; NaN elsewhere and where it has no value."""
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


def _together(changed: Rows, due: Rows, rank: Rows) -> tuple[Rows, Mask]:
    """Both as one list in the order of scopes, and which of them changed."""
    if not len(due):
        rows = changed[np.argsort(rank[changed])] if len(changed) > 1 else changed
        return rows, np.ones(len(rows), dtype=np.bool_)
    rows = np.union1d(changed, due)
    rows = rows[np.argsort(rank[rows])]
    return rows, np.isin(rows, changed)
