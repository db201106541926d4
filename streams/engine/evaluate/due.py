"""What is looked at without having changed: clocks that run out or begin anew, and expectations that move."""

from collections.abc import Mapping, Sequence

import numpy as np

from schemas.catalogue import Catalogue
from streams.engine.evaluate.columns import Columns, Rows, Table
from streams.engine.evaluate.earlier import STEP_MS
from streams.engine.evaluate.judging import Judge
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.steps import Steps
from streams.engine.evaluate.tiers import RuleTiers
from streams.engine.evaluate.touched import Touched
from streams.engine.figures import ScopeItems


class Due:
    """The rules that watch a clock or look back, under one catalogue."""

    def __init__(
        self,
        catalogue: Catalogue,
        columns: Columns,
        judge: Judge,
        scopes: Scopes,
        looking_back: Mapping[tuple[int, int], Sequence[RuleTiers]],
    ) -> None:
        self._catalogue = catalogue
        self._columns = columns
        self._judge = judge
        self._scopes = scopes
        self._looking_back = looking_back
        self._quiet = [tiers for tiers in judge.tiers if tiers.plan.rule.quiet is not None]

    def expect(self, from_ms: int) -> None:
        """Let the clocks of scopes that must exist, even if silent, run from here."""
        expected = {dimension.id: dimension.expected for dimension in self._catalogue.dimensions}
        for tiers in self._quiet:
            for scope in tiers.plan.rule.scopes:
                values = expected.get(scope[0], []) if len(scope) == 1 else []
                named: list[ScopeItems] = (
                    [((scope[0], value),) for value in sorted(values)] if scope else [()]
                )
                for items in named:
                    row = self._scopes.enter(items)
                    tiers.reserve(len(self._scopes))
                    tiers.expect(row, from_ms)

    def hear(self, table: Table, end_ms: int, touched: Touched) -> Steps[None]:
        """Let the clocks of scopes that something was counted for begin anew."""
        groups = self._scopes.group[table.rows]
        for tiers in self._quiet:
            name = tiers.plan.rule.id
            if tiers.aside:
                continue
            columns = list(tiers.plan.kpi.columns.values())
            said = (table.values[:, columns] != self._columns.blank[columns]).any(axis=1)
            rows = table.rows[said & tiers.plan.groups[groups]]
            back = tiers.hear_all(rows, end_ms)
            touched.turned.setdefault(name, {}).update(dict.fromkeys(back, "heard"))
            touched.strike(tiers.plan.window, tiers.plan.rule.kpi, np.array(back, dtype=np.int64))
            yield

    def mark(self, end_ms: int, touched: Touched) -> Steps[None]:
        """Mark what must be looked at although nothing came: clocks that run out, pasts that move."""
        for tiers in self._judge.tiers.in_force():
            name = tiers.plan.rule.id
            held, turned = tiers.fell_due(end_ms)
            if turned:
                touched.turned.setdefault(name, {}).update(turned)
            if held or turned:
                rows = np.array(sorted({*held, *turned}), dtype=np.int64)
                touched.strike(tiers.plan.window, tiers.plan.rule.kpi, rows)
                yield
        for key, earlier in self._judge.earlier.items():
            changed = touched.changed(key[0])
            if end_ms % STEP_MS == 0:
                yield from self._move(key, earlier.moved(end_ms), end_ms, touched)
            elif len(changed) and len(earlier.moved(end_ms)):
                yield from self._drift(key, changed, touched)

    def _move(self, key: tuple[int, int], rows: Rows, end_ms: int, touched: Touched) -> Steps[None]:
        """An expectation moved: its own rules look, and as long as some are unsettled, all of its window."""
        window, _ = key
        if not len(rows):
            return
        settled = self._judge.is_window_settled(window, end_ms)
        for tiers in self._looking_back[key]:
            plan = tiers.plan
            own = self._judge.earlier[key].moved_in(plan.measured)
            touched.fall_due(window, plan.rule.kpi, own[plan.groups[self._scopes.group[own]]])
            if not settled:
                touched.move(window, rows[plan.groups[self._scopes.group[rows]]])
            yield

    def _drift(self, key: tuple[int, int], changed: Rows, touched: Touched) -> Steps[None]:
        """Between two steps an expectation that moves is looked at where anything changed."""
        has_changed = np.zeros(len(self._scopes), dtype=np.bool_)
        has_changed[changed] = True
        for tiers in self._looking_back[key]:
            own = self._judge.earlier[key].moved_in(tiers.plan.measured)
            rows = own[tiers.plan.groups[self._scopes.group[own]] & has_changed[own]]
            touched.drift(tiers.plan.window, tiers.plan.rule.kpi, rows)
            yield
