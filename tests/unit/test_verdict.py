"""Departures, and why there is none."""

from typing import Any

import numpy as np
import pytest

from schemas.rule import Rule
from streams.decisions.tier import ladder_of
from streams.decisions.verdict import Reason, beyond_any, compare, judge_scopes, reasons
from tests.evaluate_builders import rule, rung

NONE = float("nan")


def of(**changes: Any) -> Rule:
    """A rule."""
    return Rule.model_validate(rule("r", **changes))


@pytest.mark.parametrize(
    ("how", "departures"),
    [("ratio", [0.8, NONE]), ("difference", [-2, 8]), ("value", [8, 8]), ("deviation", [NONE, NONE])],
)
def test_a_value_is_compared_as_the_rule_says(how: str, departures: list[float]) -> None:
    found = compare(of(compare=how), np.array([8.0, 8.0]), np.array([10.0, 0.0]))
    np.testing.assert_array_equal(found, np.array(departures, dtype=np.float64))


def test_there_is_no_judgement_below_the_minimum_or_without_a_value() -> None:
    minimum = of(minimum={"measure": "orders", "value": 5})
    values, expected = np.array([8.0, 8.0, NONE, 8.0]), np.array([10.0, 10.0, 10.0, NONE])
    volume = np.array([5.0, 4.9, 9.0, NONE])
    found = judge_scopes(minimum, values, expected, volume, warm=True)
    np.testing.assert_array_equal(found, np.array([0.8, NONE, NONE, NONE]))
    assert np.isnan(judge_scopes(minimum, values, expected, volume, warm=False)).all()


def test_every_verdict_has_its_reason() -> None:
    minimum = of(minimum={"measure": "orders", "value": 5})
    values, expected = np.array([8.0, 8.0, NONE, 8.0]), np.array([10.0, 10.0, 10.0, NONE])
    volume = np.array([5.0, 4.9, 9.0, 9.0])
    found = reasons(minimum, values, expected, volume, warm=True)
    assert [Reason(number).text for number in found] == ["judged", "too_few", "no_value", "no_expectation"]
    assert set(reasons(of(), values, expected, None, warm=False)) == {Reason.WARMING_UP}


@pytest.mark.parametrize(
    ("bad", "rungs", "beyond"),
    [
        ("below", [0.8, 0.5], [True, True, False, False]),
        ("above", [0.8, 1.5], [False, True, True, False]),
        ("outside", [0.3, 0.9], [True, False, False, False]),
    ],
)
def test_columns_are_sifted_by_the_mildest_step(bad: str, rungs: list[float], beyond: list[bool]) -> None:
    shift = 0.1 if bad == "below" else -0.1
    ladder = {tier: rung(enter, enter + shift) for tier, enter in zip(("yellow", "red"), rungs, strict=True)}
    found = beyond_any(
        ladder_of(of(bad=bad, ladder=ladder), ["yellow", "red"]), np.array([0.2, 0.8, 0.9, NONE])
    )
    assert found.tolist() == beyond


def test_a_ladder_of_quiet_alone_is_never_beyond() -> None:
    ladder = ladder_of(of(quiet={"after": "1h", "tier": "red"}), ["yellow", "red"])
    quiet_only = ladder.__class__(
        tuple(step._replace(enter=None, exit=None) for step in ladder.steps), "below"
    )
    assert not beyond_any(quiet_only, np.array([0.0, 9.0])).any()
