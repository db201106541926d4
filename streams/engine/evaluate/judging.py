"""Judging one pane end: values to verdicts to tiers to transitions, rule by rule.

Takes a bench of scopes with their sums and moves the tier states. A rule that raises is set aside with its
problem and judged no more until the next catalogue; the others go on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from schemas.catalogue import Catalogue
from schemas.records import Cause, Driver, Transition
from streams.decisions.driver import find_drivers
from streams.decisions.formula import Column
from streams.decisions.tier import Move
from streams.decisions.verdict import Reason, Verdicts, beyond_any, judge_scopes
from streams.engine.evaluate.bench import Bench
from streams.engine.evaluate.columns import Rows
from streams.engine.evaluate.earlier import Earlier
from streams.engine.evaluate.parts import Partition
from streams.engine.evaluate.plans import Plans, Problem, RulePlan
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.since import Since
from streams.engine.evaluate.sums import WindowSums
from streams.engine.evaluate.tiers import RuleTiers, Tiers


@dataclass(slots=True)
class Judged:
    """One rule at one pane end: positions on the bench and, beside them, what was found there."""

    plan: RulePlan
    end_ms: int
    at: Rows
    values: Column
    expected: Column
    verdicts: Verdicts


@dataclass(slots=True)
class Judgement:
    """All rules at one pane end: transitions in the order of rules and scopes, and expectations for figures."""

    transitions: list[Transition] = field(default_factory=list)
    expected: dict[str, list[tuple[Rows, Column]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class Judge:
    """The rules in force, their expectations and their tier states."""

    def __init__(
        self, catalogue: Catalogue, plans: Plans, windows: list[WindowSums], scopes: Scopes, since: Since
    ) -> None:
        self.catalogue = catalogue
        self.plans = plans
        self.tiers = Tiers(plans.rules.values())
        self.scopes = scopes
        self.since = since
        self.windows = windows
        self.earlier: dict[tuple[int, int], Earlier] = {}
        self.partition: Partition

    def judge(self, bench: Bench, end_ms: int, turned: Mapping[str, Mapping[int, Cause]]) -> Judgement:
        """Judge every rule over its scopes on the bench; `turned`: scopes that became quiet, or were heard."""
        result = Judgement()
        for name, tiers in list(self.tiers.rules.items()):
            try:
                judged = self._verdicts(tiers.plan, bench, end_ms)
                if not len(judged.at):
                    continue
                moved = self._step(tiers, judged, bench, turned.get(name, {}))
            except (ArithmeticError, ValueError, KeyError, IndexError, TypeError) as error:
                self.set_aside(name, error, result.problems)
                continue
            result.transitions.extend(moved)
            result.expected.setdefault(tiers.plan.kpi.kpi.id, []).append((judged.at, judged.expected))
        return result

    def look(self, bench: Bench, end_ms: int) -> Judgement:
        """The expectations of every rule, without judging anything."""
        result = Judgement()
        for tiers in self.tiers:
            judged = self._verdicts(tiers.plan, bench, end_ms)
            result.expected.setdefault(tiers.plan.kpi.kpi.id, []).append((judged.at, judged.expected))
        return result

    def set_aside(self, name: str, error: Exception, problems: list[Problem]) -> None:
        """Judge a rule no more until the next catalogue."""
        problems.append(Problem("rule", name, f"{type(error).__name__}: {error}"))
        del self.tiers.rules[name]

    def is_warm(self, plan: RulePlan, end_ms: int) -> bool:
        """Whether the rule's windows lie wholly in the time from which its measures are complete."""
        if plan.rule.on == "update":
            return True  # such a window can only have counted too little: what it has reached is reached
        since = self.since.of(plan.kpi.columns.values())
        start = self.windows[plan.window].interval.start
        if plan.ago_ms is not None:
            start = min(start, self.earlier[plan.window, plan.ago_ms].interval(end_ms).start)
        return since is not None and since <= start

    def _verdicts(self, plan: RulePlan, bench: Bench, end_ms: int) -> Judged:
        at = bench.pick(plan.window, plan.groups, plan.groups_key)
        values = bench.values(plan.kpi)[at]
        volume = None
        if plan.volume is not None:
            volume = plan.volume.compute(bench.natural[at])
        elif plan.volume_column is not None:
            volume = bench.natural[at, plan.volume_column]
        warm = self.is_warm(plan, end_ms)
        expected = self._expected(plan, bench.rows[at], end_ms, warm=warm)
        verdicts = judge_scopes(plan.rule, values, expected, volume, warm=warm)
        return Judged(plan, end_ms, at, values, expected, verdicts)

    def _expected(self, plan: RulePlan, rows: Rows, end_ms: int, *, warm: bool) -> Column:
        if plan.constant is not None:
            return np.full(len(rows), plan.constant)
        if plan.ago_ms is None or not warm or not len(rows):
            return np.full(len(rows), np.nan)
        return plan.kpi.compute(self.earlier[plan.window, plan.ago_ms].natural(rows, end_ms))

    def _step(
        self, tiers: RuleTiers, judged: Judged, bench: Bench, turned: Mapping[int, Cause]
    ) -> list[Transition]:
        rows = bench.rows[judged.at]
        departures = judged.verdicts.departures
        moving = tiers.active(rows) | beyond_any(tiers.plan.ladder, departures)
        transitions: list[Transition] = []
        for here in np.flatnonzero(moving).tolist():
            row, departure = int(rows[here]), float(departures[here])
            is_judged = judged.verdicts.reasons[here] == Reason.JUDGED
            tiers.judge(row, departure if is_judged else None, judged.end_ms)
            moves = tiers.tell(row, judged.end_ms, turned.get(row))
            if moves:
                found = _numbers(judged, here)
                transitions.extend(self._transitions(tiers.plan, row, judged.end_ms, moves, found))
        return transitions

    def foretell(self, tiers: RuleTiers, row: int, value: float, end_ms: int) -> list[Transition]:
        """What one scope's value in a pane still open has already made certain."""
        plan = tiers.plan
        expected = np.array([plan.constant if plan.constant is not None else np.nan])
        verdicts = judge_scopes(plan.rule, np.array([value]), expected, None, warm=self.is_warm(plan, end_ms))
        if verdicts.reasons[0] != Reason.JUDGED:
            return []
        departure = float(verdicts.departures[0])
        moves = tiers.foretell(row, departure, end_ms)
        return self._transitions(plan, row, end_ms, moves, (value, float(expected[0]), departure))

    def removed(self, tiers: RuleTiers, row: int, end_ms: int) -> list[Transition]:
        """The way down of a scope that nobody judges any more."""
        moves = tiers.remove(row, end_ms)
        return self._transitions(tiers.plan, row, end_ms, moves, (None, None, None))

    def _transitions(
        self, plan: RulePlan, row: int, end_ms: int, moves: Iterable[Move], found: "tuple[float | None, ...]"
    ) -> list[Transition]:
        value, expected, departure = found
        rule, ladder = plan.rule, plan.ladder
        drivers: list[Driver] | None = None
        transitions = []
        for move in moves:
            if move.cause == "worse" and drivers is None:
                drivers = self._drivers(plan, row, end_ms, value, expected)
            transitions.append(
                Transition(
                    rule=rule.id, scope=dict(self.scopes.items[row]), tier=ladder.tier(move.entered),
                    previous=ladder.tier(move.left), cause=move.cause, end_ms=end_ms, seq=ladder.seq(move.left, move.entered),
                    kpi=rule.kpi, window=rule.window, value=value, expected=expected, departure=departure,
                    threshold=move.threshold, since_ms=move.since_ms,
                    drivers=(drivers or []) if move.cause == "worse" else [],
                    catalogue=self.catalogue.version,
                    silent=rule.state == "shadow" or not self.catalogue.installation.live,
                )
            )  # fmt: skip
        return transitions

    def _drivers(
        self, plan: RulePlan, row: int, end_ms: int, value: float | None, expected: float | None
    ) -> list[Driver]:
        sign = -1.0 if plan.rule.bad == "below" else 1.0
        if plan.rule.bad == "outside" and value is not None and expected is not None and value < expected:
            sign = -1.0
        now = self.partition.panes(self.windows[plan.window].spec, end_ms)
        then = None
        if plan.ago_ms is not None:
            then = self.earlier[plan.window, plan.ago_ms].pieces(end_ms)
        parts = self.partition.parts(plan, self.scopes.items[row], now, then)
        return find_drivers(parts, plan.kpi.compute, sign=sign)


def _numbers(judged: Judged, here: int) -> tuple[float | None, float | None, float | None]:
    found = (judged.values[here], judged.expected[here], judged.verdicts.departures[here])
    value, expected, departure = (None if np.isnan(number) else float(number) for number in found)
    return value, expected, departure
