"""KPIs and rules made ready for columns: formulas read, names resolved, scopes turned into masks.

Everything that can be settled when a catalogue comes into force is settled here, once; judging asks nothing
of the catalogue any more. A KPI or rule that cannot be made ready is set aside with its problem, the rest
goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.catalogue import Catalogue
from schemas.errors import PlanwatchError
from schemas.kpi import Kpi
from schemas.period import CALENDAR, ROLLING_MS
from schemas.rule import Constant, Previous, Rule
from streams.decisions.formula import Column, Formula, parse_formula
from streams.decisions.tier import Ladder, ladder_of
from streams.engine.evaluate.columns import Columns, Floats, Rows
from streams.windows.spans import Spec, spec_of

#: what arithmetic over columns may raise
RAISED = (ArithmeticError, ValueError, LookupError, TypeError)

_ALL = slice(None)
Mask = npt.NDArray[np.bool_]
Grouping = tuple[str, ...]


class Problem(NamedTuple):
    """A KPI or rule that was set aside, and why. `kind` is `kpi` or `rule`."""

    kind: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} is set aside: {self.text}"


@dataclass(slots=True)
class KpiPlan:
    """One KPI: how its value follows from columns, and for which windows and groupings it is written.

    `cut[window, grouping]` tells where figures of it are made; `measured` are the columns that it is made of.
    """

    kpi: Kpi
    formula: Formula
    columns: dict[str, int]
    digits: int | None
    cut: Mask
    cut_key: bytes
    measured: frozenset[int]

    def compute(self, natural: Floats, at: "Rows | slice" = _ALL) -> Column:
        """The values for rows in natural units, or for some of them; NaN where there is none. Money is
        rounded to its smallest unit.
        """
        values = self.formula.compute({name: natural[at, self.columns[name]] for name in self.formula.names})
        return values if self.digits is None else np.round(values, self.digits)


@dataclass(slots=True)
class RulePlan:
    """One rule: its window, groupings, ladder, expectation and minimum, resolved.

    `measured` are the columns that its value, expectation and minimum are made of.
    """

    rule: Rule
    kpi: KpiPlan
    window: int
    groups: Mask
    groups_key: bytes
    ladder: Ladder
    ago_ms: int | None
    constant: float | None
    volume: KpiPlan | None
    volume_column: int | None
    measured: frozenset[int]

    def columns(self) -> set[int]:
        """All columns that it reads."""
        read = set(self.kpi.columns.values())
        if self.volume is not None:
            read |= set(self.volume.columns.values())
        return read if self.volume_column is None else read | {self.volume_column}


@dataclass(slots=True)
class Plans:
    """Everything of a catalogue that judging needs.

    `problems`: what could not be made ready. `aside`: what was set aside since, by kind and name, and why; it
    stays so until the next catalogue, over restarts too.
    """

    windows: Sequence[str]
    specs: list[Spec]
    groupings: list[Grouping]
    kpis: dict[str, KpiPlan]
    rules: dict[str, RulePlan]
    problems: list[Problem]
    aside: dict[tuple[str, str], str] = field(default_factory=dict)

    def set_aside(self, kind: str, name: str, text: str) -> Problem:
        """Note that a KPI or a rule is left out from now on; a KPI is written no more."""
        self.aside[kind, name] = text
        if kind == "kpi":
            self.kpis.pop(name, None)
        return Problem(kind, name, text)

    def all_problems(self) -> list[Problem]:
        """Everything of the catalogue that is not in force, and why."""
        return [*self.problems, *(Problem(*of, text) for of, text in sorted(self.aside.items()))]


def make_plans(catalogue: Catalogue, columns: Columns) -> Plans:
    """Make a catalogue ready; `columns` already holds its measures."""
    written = {window for kpi in catalogue.kpis.values() for window in kpi.windows}
    windows = sorted(written | {rule.window for rule in catalogue.rules.values()})
    groupings = groupings_of(catalogue)
    plans = Plans(windows, [spec_of(window) for window in windows], groupings, {}, {}, [])
    for name in sorted(catalogue.kpis):
        try:
            plans.kpis[name] = _kpi(catalogue, catalogue.kpis[name], plans, columns)
        except (PlanwatchError, KeyError) as error:
            plans.problems.append(Problem("kpi", name, str(error)))
    for name in sorted(catalogue.rules):
        try:
            plans.rules[name] = _rule(catalogue, catalogue.rules[name], plans)
        except (PlanwatchError, KeyError, ValueError) as error:
            plans.problems.append(Problem("rule", name, str(error)))
    return plans


def begun_with(windows: Sequence[str]) -> list[set[int]]:
    """For each window the windows in which a scope is written whole when it is first heard of there.

    A calendar period begins with every KPI of a scope, also those that are 0; the longest window with
    every KPI in all windows.

    >>> begun_with(["1h", "day", "month"])
    [set(), {1}, {0, 1, 2}]
    """
    order = [*ROLLING_MS, *CALENDAR]
    longest = max(windows, key=order.index)
    every = set(range(len(windows)))
    return [
        every if name == longest else {window} if name in CALENDAR else set()
        for window, name in enumerate(windows)
    ]


def groupings_of(catalogue: Catalogue) -> list[Grouping]:
    """Every grouping that a KPI or a rule names, its dimensions in the catalogue's order, the company
    first.
    """
    named = [scope for kpi in catalogue.kpis.values() for scope in kpi.scopes]
    named += [scope for rule in catalogue.rules.values() for scope in rule.scopes]
    found = {normal(catalogue, scope) for scope in named} | {()}
    return sorted(found, key=lambda grouping: (len(grouping), grouping))


def normal(catalogue: Catalogue, scope: Iterable[str]) -> Grouping:
    """A list of dimensions in the catalogue's order."""
    wanted = set(scope)
    return tuple(name for name in catalogue.dimension_names if name in wanted)


def _kpi(catalogue: Catalogue, kpi: Kpi, plans: Plans, columns: Columns) -> KpiPlan:
    formula = parse_formula(kpi.value, kpi.measures)
    places = {name: columns.place[measure.key] for name, measure in kpi.measures.items()}
    rules = [rule for rule in catalogue.rules.values() if rule.kpi == kpi.id]
    windows = {*kpi.windows, *(rule.window for rule in rules)}
    scopes = [*kpi.scopes, *(scope for rule in rules for scope in rule.scopes)]
    groups = _mask(catalogue, scopes, plans.groupings)
    cut = np.outer(np.array([window in windows for window in plans.windows]), groups)
    money = kpi.unit == catalogue.installation.currency
    digits = catalogue.installation.minor_digits if money else None
    return KpiPlan(kpi, formula, places, digits, cut, cut.tobytes(), frozenset(places.values()))


def _rule(catalogue: Catalogue, rule: Rule, plans: Plans) -> RulePlan:
    kpi = plans.kpis[rule.kpi]
    groups = _mask(catalogue, rule.scopes, plans.groupings)
    volume, column = _minimum(rule, kpi, plans)
    return RulePlan(
        rule=rule,
        kpi=kpi,
        window=plans.windows.index(rule.window),
        groups=groups,
        groups_key=groups.tobytes(),
        ladder=ladder_of(rule, catalogue.ladder),
        ago_ms=rule.expect.ago.ms if isinstance(rule.expect, Previous) else None,
        constant=rule.expect.value if isinstance(rule.expect, Constant) else None,
        volume=volume,
        volume_column=column,
        measured=_measured(kpi, volume, column),
    )


def _minimum(rule: Rule, kpi: KpiPlan, plans: Plans) -> tuple[KpiPlan | None, int | None]:
    if rule.minimum is None:
        return None, None
    if rule.minimum.measure in kpi.columns:
        return None, kpi.columns[rule.minimum.measure]
    return plans.kpis[rule.minimum.measure], None


def _measured(kpi: KpiPlan, volume: KpiPlan | None, column: int | None) -> frozenset[int]:
    more = frozenset() if volume is None else volume.measured
    return kpi.measured | more | ({column} if column is not None else set())


def _mask(catalogue: Catalogue, scopes: Sequence[Sequence[str]], groupings: list[Grouping]) -> Mask:
    wanted = {normal(catalogue, scope) for scope in scopes}
    return np.array([grouping in wanted for grouping in groupings])
