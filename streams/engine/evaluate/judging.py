"""Judging one pane end: values to verdicts to tiers to transitions, rule by rule.

Takes a bench of scopes with their sums and moves the tier states. A rule that raises is set aside with its
problem and judged no more until the next catalogue; the others go on. Its tiers stay what they were: nobody
knows better, and an incident that ended because a formula fails would be a red one that was missed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from schemas.catalogue import Catalogue
from schemas.records import Cause, Driver, Transition
from streams.decisions.driver import find_drivers
from streams.decisions.formula import Column
from streams.decisions.tier import Move, TierState, remove
from streams.decisions.verdict import beyond_any, judge_scopes
from streams.engine.evaluate.bench import Bench
from streams.engine.evaluate.columns import Floats, Rows
from streams.engine.evaluate.earlier import Earlier
from streams.engine.evaluate.parts import Partition
from streams.engine.evaluate.plans import RAISED, Plans, Problem, RulePlan
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.settling import Settling
from streams.engine.evaluate.since import Since
from streams.engine.evaluate.steps import Steps, at_once
from streams.engine.evaluate.sums import WindowSums
from streams.engine.evaluate.tiers import RuleTiers, Tiers


class Judged(NamedTuple):
    """One rule at one pane end: positions on the bench and, beside them, what was found there.

    `departures` is NaN where there is no judgement.
    """

    at: Rows
    values: Column
    expected: Column
    volume: Column | None
    departures: Column
    warm: bool


@dataclass(slots=True)
class Judgement:
    """All rules at one pane end: transitions in the order of rules and scopes, and expectations for
    figures.
    """

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
        self.settling: Settling

    def judge(self, bench: Bench, end_ms: int, turned: Mapping[str, Mapping[int, Cause]]) -> Steps[Judgement]:
        """Judge every rule over its scopes on the bench; `turned`: scopes that fell quiet, or were heard."""
        result = Judgement()
        earlier: dict[tuple[int, int], Floats] = {}
        for tiers in self.tiers.in_force():
            name = tiers.plan.rule.id
            if tiers.plan.window not in bench.span:
                continue
            try:
                judged = yield from self._verdicts(tiers, bench, end_ms, earlier)
                if judged is None:
                    continue
                yield from self._step(tiers, judged, bench, end_ms, turned.get(name, {}), result.transitions)
            except RAISED as error:
                self.set_aside(name, error, result.problems)
                continue
            result.expected.setdefault(tiers.plan.kpi.kpi.id, []).append((judged.at, judged.expected))
            yield
        return result

    def look(self, bench: Bench, end_ms: int) -> Iterator[tuple[RulePlan, Judged]]:
        """What every rule finds on a bench that has every window, without moving anything."""
        earlier: dict[tuple[int, int], Floats] = {}
        for tiers in self.tiers.in_force():
            try:
                judged = at_once(self._verdicts(tiers, bench, end_ms, earlier))
            except RAISED:
                continue  # whoever looks changes nothing: it is set aside when it is judged
            if judged is not None:
                yield tiers.plan, judged

    def set_aside(self, name: str, error: Exception, problems: list[Problem]) -> None:
        """Judge a rule no more until the next catalogue; its tiers stay."""
        problems.append(self.plans.set_aside("rule", name, f"{type(error).__name__}: {error}"))
        self.tiers.rules[name].aside = True

    def is_warm(self, tiers: RuleTiers, end_ms: int) -> bool:
        """Whether the rule's windows lie wholly in the time from which its measures are complete.

        A rule judged on update is always warm: it counts what can only grow, so what its window has reached
        is reached. Once warm, a rule stays so until a measure is found to be incomplete.
        """
        plan = tiers.plan
        if plan.rule.on == "update" or tiers.warm == self.since.revision:
            return True
        since = self.since.of(plan.kpi.columns.values())
        start = self.windows[plan.window].interval.start
        if plan.ago_ms is not None:
            start = min(start, self.earlier[plan.window, plan.ago_ms].interval(end_ms).start)
        warm = since is not None and since <= start
        tiers.warm, tiers.warm_ms = (self.since.revision, end_ms) if warm else (-1, 0)
        return warm

    def is_window_settled(self, window: int, end_ms: int) -> bool:
        """Whether all rules of a window need to look only where their own measures move."""
        mine = (tiers for tiers in self.tiers.in_force() if tiers.plan.window == window)
        return all(self.settling.is_settled(tiers, end_ms) for tiers in mine)

    def _verdicts(
        self, tiers: RuleTiers, bench: Bench, end_ms: int, earlier: dict[tuple[int, int], Floats]
    ) -> Steps[Judged | None]:
        plan = tiers.plan
        at = bench.pick(plan, everywhere=not self.settling.is_settled(tiers, end_ms))
        if not len(at):
            return None
        values = bench.values(plan.kpi)[at]
        volume = _volume(plan, bench.natural, at)
        warm = self.is_warm(tiers, end_ms)
        if plan.constant is not None:
            expected = np.full(len(at), plan.constant)
        elif plan.ago_ms is not None and warm:
            then, there = yield from self._earlier(plan, plan.ago_ms, bench, at, end_ms, earlier)
            expected = plan.kpi.compute(then, there)
            if not plan.kpi.formula.divides:
                volume = _larger(volume, _volume(plan, then, there))
        else:
            expected = np.full(len(at), np.nan)
        departures = judge_scopes(plan.rule, values, expected, volume, warm=warm)
        return Judged(at, values, expected, volume, departures, warm)

    def _earlier(
        self,
        plan: RulePlan,
        ago_ms: int,
        bench: Bench,
        at: Rows,
        end_ms: int,
        earlier: dict[tuple[int, int], Floats],
    ) -> Steps[tuple[Floats, Rows]]:
        """What the earlier window held, whose sums are made once for all rules that look there, and where
        in them these positions are.
        """
        start, end = bench.span[plan.window]
        key = (plan.window, ago_ms)
        if key not in earlier:
            earlier[key] = yield from self.earlier[key].natural(bench.rows[start:end], end_ms)
        return earlier[key], at - start

    def _step(
        self,
        tiers: RuleTiers,
        judged: Judged,
        bench: Bench,
        end_ms: int,
        turned: Mapping[int, Cause],
        into: list[Transition],
    ) -> Steps[None]:
        rows = bench.rows[judged.at]
        moving = np.flatnonzero(tiers.active(rows) | beyond_any(tiers.plan.ladder, judged.departures))
        for here in moving.tolist():
            row, departure = int(rows[here]), float(judged.departures[here])
            with tiers.wholly(row):
                tiers.judge(row, departure if departure == departure else None, end_ms)
                moves = tiers.tell(row, end_ms, turned.get(row))
                told = yield from self._transitions(tiers.plan, row, end_ms, moves, _numbers(judged, here))
            into += told
            yield

    def foretell(self, tiers: RuleTiers, row: int, value: float, end_ms: int) -> list[Transition]:
        """What one scope's value in a pane still open has already made certain."""
        plan = tiers.plan
        expected = np.array([plan.constant if plan.constant is not None else np.nan])
        departure = float(judge_scopes(plan.rule, np.array([value]), expected, None, warm=True)[0])
        with tiers.wholly(row):
            moves = tiers.foretell(row, departure, end_ms)
            return at_once(
                self._transitions(plan, row, end_ms, moves, (value, float(expected[0]), departure))
            )

    def removed(
        self, plan: RulePlan, scope: Mapping[str, str], state: TierState, end_ms: int
    ) -> list[Transition]:
        """The way down of a scope that nobody judges any more."""
        moves = remove(plan.ladder, state, end_ms)
        return [self._transition(plan, scope, end_ms, move, (None, None, None), []) for move in moves]

    def _transitions(
        self, plan: RulePlan, row: int, end_ms: int, moves: Iterable[Move], found: "tuple[float | None, ...]"
    ) -> Steps[list[Transition]]:
        value, expected, _ = found
        scope = dict(self.scopes.items[row])
        drivers: list[Driver] | None = None
        transitions = []
        for move in moves:
            if move.cause == "worse" and drivers is None:
                drivers = yield from self._drivers(plan, row, end_ms, value, expected)
            why = (drivers or []) if move.cause == "worse" else []
            transitions.append(self._transition(plan, scope, end_ms, move, found, why))
        return transitions

    def _transition(
        self,
        plan: RulePlan,
        scope: Mapping[str, str],
        end_ms: int,
        move: Move,
        found: "tuple[float | None, ...]",
        drivers: list[Driver],
    ) -> Transition:
        value, expected, departure = found
        rule, ladder = plan.rule, plan.ladder
        return Transition(
            rule=rule.id, scope=dict(scope), tier=ladder.tier(move.entered),
            previous=ladder.tier(move.left), cause=move.cause, end_ms=end_ms,
            seq=ladder.seq(move.left, move.entered),
            kpi=rule.kpi, window=rule.window, value=value, expected=expected, departure=departure,
            threshold=move.threshold, since_ms=move.since_ms, drivers=drivers,
            catalogue=self.catalogue.version,
            silent=rule.state == "shadow" or not self.catalogue.installation.live,
        )  # fmt: skip

    def _drivers(
        self, plan: RulePlan, row: int, end_ms: int, value: float | None, expected: float | None
    ) -> Steps[list[Driver]]:
        sign = -1.0 if plan.rule.bad == "below" else 1.0
        if plan.rule.bad == "outside" and value is not None and expected is not None and value < expected:
            sign = -1.0
        now = self.partition.panes(self.windows[plan.window].spec, end_ms)
        then = None
        if plan.ago_ms is not None:
            then = self.earlier[plan.window, plan.ago_ms].pieces(end_ms)
        parts, kpi = yield from self.partition.parts(plan, row, now, then)
        return find_drivers(parts, kpi.compute, sign=sign)


def _volume(plan: RulePlan, natural: Floats, at: Rows) -> Column | None:
    """What the rule's `minimum` measures at these places, where it has one."""
    if plan.volume is not None:
        return plan.volume.compute(natural, at)
    return natural[at, plan.volume_column] if plan.volume_column is not None else None


def _larger(now: Column | None, then: Column | None) -> Column | None:
    """The volume of a sum that is compared with an earlier period: a fall to nothing is not too few."""
    return now if now is None or then is None else np.fmax(now, then)


def _numbers(judged: Judged, here: int) -> tuple[float | None, float | None, float | None]:
    found = (judged.values[here], judged.expected[here], judged.departures[here])
    value, expected, departure = (None if np.isnan(number) else float(number) for number in found)
    return value, expected, departure
