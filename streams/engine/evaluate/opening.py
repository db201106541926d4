"""Panes that are still open, for rules that are judged `on: update`.

Keeps, for the few measures that such rules use, what the pages that wait hold in each scope, so that a
scope that a page changes can be told at once. What is told here is certain: such KPIs can only grow while a
pane is open, so the judgement at the close finds at least as much. Pages of a backfill are left to the
close: nobody waits for a message about last year within the second, and their order among partitions is not
the same in two runs.
"""

from collections.abc import Iterable

import numpy as np

from schemas.period import MINUTE_MS
from schemas.records import Transition
from streams.cells.page import Page
from streams.engine.evaluate.closing import Closing
from streams.engine.evaluate.columns import Ints
from streams.engine.evaluate.outcome import Outcome
from streams.engine.evaluate.plans import RAISED, Problem
from streams.engine.evaluate.scopes import Leaf
from streams.engine.evaluate.tiers import RuleTiers
from streams.engine.figures import ScopeItems
from streams.windows.spans import PaneGrain, grain_of

#: a pane that ended longer before its page's record is of a backfill
LIVE_MS = 5 * MINUTE_MS
Pane = tuple[PaneGrain, int]


class Opening:
    """The waiting content of update rules, by pane end, pane and scope."""

    def __init__(self, closing: Closing) -> None:
        self._closing = closing
        self._rules = [tiers for tiers in closing.judge.tiers if tiers.plan.rule.on == "update"]
        plans = [tiers.plan for tiers in self._rules]
        self._columns = sorted({at for plan in plans for at in plan.kpi.columns.values()})
        self._few = closing.columns.only(self._columns)
        groupings = closing.plans.groupings
        self._groups = sorted({g for plan in plans for g in np.flatnonzero(plan.groups).tolist()})
        names = closing.catalogue.dimension_names
        self._places = {g: [(name, names.index(name)) for name in groupings[g]] for g in self._groups}
        self._sums: dict[int, dict[Pane, dict[ScopeItems, Ints]]] = {}

    @staticmethod
    def is_needed(closing: Closing) -> bool:
        """Whether the catalogue has such rules."""
        return any(tiers.plan.rule.on == "update" for tiers in closing.judge.tiers)

    def take(self, page: Page, before: Page | None, end_ms: int, timestamp_ms: int) -> list[Outcome]:
        """Take a page that waits for this pane end; gives what it makes certain."""
        touched = self.add(page, before, end_ms)
        if not touched or timestamp_ms > end_ms + LIVE_MS:
            return []
        transitions: list[Transition] = []
        problems: list[Problem] = []
        judge = self._closing.judge
        for tiers in [tiers for tiers in self._rules if not tiers.aside]:
            try:
                for scope in sorted(scope for group, scope in touched if tiers.plan.groups[group]):
                    transitions += self._foretell(tiers, scope, end_ms)
            except RAISED as error:
                judge.set_aside(tiers.plan.rule.id, error, problems)
        return [Outcome(end_ms, transitions, problems=problems)] if transitions or problems else []

    def add(self, page: Page, before: Page | None, end_ms: int) -> set[tuple[int, ScopeItems]]:
        """Add what a page holds beyond its version before; gives (grouping, scope) of what changed."""
        changes = self._changes(page, before)
        if not changes:
            return set()
        pane = (grain_of(page.key.grain), page.key.start_ms)
        sums = self._sums.setdefault(end_ms, {}).setdefault(pane, {})
        touched = set()
        for leaf, values in changes:
            settled = self._closing.leaves.settled(leaf)
            for group in self._groups:
                scope = tuple((name, settled[place]) for name, place in self._places[group])
                known = sums.get(scope)
                sums[scope] = values if known is None else self._few.merge(known, values)
                touched.add((group, scope))
        return touched

    def close(self, end_ms: int) -> None:
        """Forget what has become part of the figures."""
        self._sums.pop(end_ms, None)

    def _changes(self, page: Page, before: Page | None) -> list[tuple[Leaf, Ints]]:
        leaves, values = self._read(page)
        old_leaves, old_values = self._read(before) if before is not None else ([], values[:0])
        place = {leaf: at for at, leaf in enumerate(old_leaves)}
        at = np.array([place.get(leaf, -1) for leaf in leaves], dtype=np.int64)
        base = np.vstack([old_values, self._few.blanks(1)])[at]
        changed = np.flatnonzero((values != base).any(axis=1))
        less = self._few.less(values[changed], base[changed])
        return [(leaves[here], less[n : n + 1]) for n, here in enumerate(changed.tolist())]

    def _read(self, page: Page) -> tuple[list[Leaf], Ints]:
        leaves, values = self._closing.intake.read(page)
        return leaves, values[:, self._columns]

    def _foretell(self, tiers: RuleTiers, scope: ScopeItems, end_ms: int) -> Iterable[Transition]:
        row = self._closing.scopes.enter(scope)
        self._closing.judge.tiers.reserve(len(self._closing.scopes))
        plan = tiers.plan
        sums = self._closing.windows[plan.window]
        interval = sums.spec.at(end_ms, self._closing.calendar)
        held = sums.foresee(row, end_ms, self._closing.store)
        few = held[:, self._columns]
        for end in sorted(self._sums):
            for (grain, start), scopes in self._sums[end].items():
                if end <= end_ms and start >= interval.start and sums.spec.takes(grain) and scope in scopes:
                    few = self._few.merge(few, scopes[scope])
        held[:, self._columns] = few
        value = float(plan.kpi.compute(self._closing.columns.natural(held))[0])
        return self._closing.judge.foretell(tiers, row, value, end_ms) if value == value else []
