"""Whether a rule may be judged while its pane is still open.

Decides from the rule and its KPI alone. What can only grow worse while a pane is open may be told at once:
the judgement at the close can confirm it but never take it back. Anything else has to wait for the close.
"""

from schemas.errors import FormulaError
from schemas.kpi import Kpi
from schemas.rule import Constant, Rule
from streams.decisions.formula import parse_formula

#: fields whose sum can only grow: none of them is ever negative
GROWING_FIELDS = frozenset(
    {"amount", "quantity", "discount", "count", "reach", "severity", "rating", "score", "delay"}
)


def check_monotone(rule: Rule, kpi: Kpi) -> str | None:
    """Why `on: update` is not possible for this rule, or None when it is.

    Possible: bad above, a constant expectation (not zero or less in a ratio), no hold, no minimum, and a KPI
    that is one measure or a sum of measures, each a count, a max, or a sum of a field that is never negative.
    """
    if rule.bad != "above":
        return f"bad is {rule.bad}: only what grows above the ladder is worse with every event"
    if not isinstance(rule.expect, Constant):
        return "the expectation moves; only a constant stands still within a pane"
    if rule.compare == "ratio" and rule.expect.value <= 0:
        return f"a ratio to {rule.expect.value:g} does not grow with the value"
    if rule.compare == "deviation":
        return "a deviation does not grow with the value alone"
    if rule.minimum is not None:
        return "a minimum volume is only known when the pane closes"
    held = [tier for tier, rung in rule.ladder.items() if rung.hold.ms]
    if held:
        return f"{', '.join(held)} must hold first; write hold: 0m"
    return _shrinking(kpi)


def _shrinking(kpi: Kpi) -> str | None:
    try:
        formula = parse_formula(kpi.value, kpi.measures)
    except FormulaError as error:
        return str(error)
    if not formula.plain:
        return f"{kpi.id} is {kpi.value!r}: only a measure or a sum of measures can only grow"
    for name in formula.names:
        measure = kpi.measures[name]
        if measure.how == "min":
            return f"{name} is a min, which falls with further events"
        if measure.how == "sum" and measure.field not in GROWING_FIELDS:
            return f"{name} sums {measure.field!r}, which may be negative"
    return None
