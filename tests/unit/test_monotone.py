"""Which rules may be judged while their pane is open."""

from typing import Any

import pytest

from schemas.kpi import Kpi
from schemas.rule import Rule
from streams.decisions.monotone import check_monotone
from tests.evaluate_builders import constant, kpi, previous, rule, rung

BURST = {
    "on": "update", "bad": "above", "compare": "value", "expect": constant(0), "ladder": {"red": rung(5, 3)}
}  # fmt: skip


def refusal(rule_changes: dict[str, Any], kpi_changes: dict[str, Any] | None = None) -> str | None:
    """What the check says to such a rule."""
    base = {"unit": "x", "measures": {"n": {"event": "review", "count": True}}, "value": "n"}
    return check_monotone(
        Rule.model_validate(rule("burst", **{**BURST, **rule_changes})),
        Kpi.model_validate(kpi("n", **{**base, **(kpi_changes or {})})),
    )


@pytest.mark.parametrize(
    "measure",
    [
        {"event": "review", "count": True},
        {"event": "order", "sum": "amount"},
        {"event": "mention", "sum": "reach"},
        {"event": "order", "max": "delay"},
        {"event": "mention", "max": "polarity"},
    ],
)
def test_what_can_only_grow_may_be_judged_early(measure: dict[str, Any]) -> None:
    assert refusal({}, {"measures": {"n": measure}}) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bad": "below", "ladder": {"red": rung(3, 5)}}, "bad is below"),
        ({"bad": "outside"}, "bad is outside"),
        ({"expect": previous("7d")}, "the expectation moves"),
        ({"compare": "ratio"}, "a ratio to 0"),
        ({"compare": "ratio", "expect": constant(-1)}, "a ratio to -1"),
        ({"compare": "deviation"}, "a deviation"),
        ({"minimum": {"measure": "n", "value": 3}}, "a minimum volume"),
        ({"ladder": {"red": rung(5, 3, "1m")}}, "red must hold first"),
    ],
)
def test_a_rule_that_could_take_it_back_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in (refusal(changes) or "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"value": "n - n"}, "only a measure or a sum of measures"),
        ({"value": "n / 2"}, "only a measure or a sum of measures"),
        ({"value": "m"}, "names 'm'"),
        ({"measures": {"n": {"event": "order", "min": "amount"}}}, "n is a min"),
        ({"measures": {"n": {"event": "mention", "sum": "polarity"}}}, "may be negative"),
    ],
)
def test_a_kpi_that_may_fall_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in (refusal({}, changes) or "")


def test_a_ratio_to_a_positive_constant_grows_with_the_value() -> None:
    assert refusal({"compare": "ratio", "expect": constant(4)}) is None
