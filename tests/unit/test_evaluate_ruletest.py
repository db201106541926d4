"""A rule's own test: which tiers given values pass, and what is said of a test that cannot run."""

from typing import Any

import pytest

from schemas.rule import RuleTest
from streams.engine.ruletest import RuleTestResult, run_rule_test
from tests.evaluate_builders import catalogue, kpi, previous, rule, rung

QUIET = {"quiet": {"after": "20m", "tier": "orange"}}


def play(changes: dict[str, Any], given: dict[str, Any], *expect: str) -> RuleTestResult:
    """The result of one test of a rule on orders: yellow from 8 down, red from 5 down."""
    whole = catalogue([rule("r", **changes)])
    return run_rule_test(whole, whole.rules["r"], RuleTest(name="t", given=given, expect=list(expect)))


@pytest.mark.parametrize(
    ("orders", "tiers"),
    [(9, []), (8, ["yellow"]), (6, ["yellow"]), (5, ["yellow", "red"])],
    ids=["before yellow", "at yellow", "before red", "at red"],
)
def test_rule_test_passes_the_rungs_that_the_given_value_reaches(orders: int, tiers: list[str]) -> None:
    assert play({}, {"orders": orders}, *tiers) == RuleTestResult("r", "t", True, tiers, tiers)


def test_rule_test_fails_when_other_tiers_are_passed_than_expected() -> None:
    assert play({}, {"orders": 5}, "yellow") == RuleTestResult("r", "t", False, ["yellow", "red"], ["yellow"])


@pytest.mark.parametrize("hold", ["0m", "90m", "20h"])
def test_rule_test_goes_on_until_the_longest_hold_has_elapsed(hold: str) -> None:
    ladder = {"yellow": rung(0.8, 0.9, hold)}
    assert play({"window": "24h", "ladder": ladder}, {"orders": 7}, "yellow").passed


@pytest.mark.parametrize("window", ["5m", "1h", "24h", "7d", "day", "week", "month", "quarter", "year"])
def test_rule_test_compares_every_window_with_what_it_held_before(window: str) -> None:
    changes = {"window": window, "expect": previous("7d")}
    assert play(changes, {"orders": 8, "previous": {"orders": 10}}, "yellow").passed
    assert play(changes, {"orders": 9, "previous": {"orders": 10}}).passed


@pytest.mark.parametrize("ago", ["1h", "4h", "1d"])
def test_rule_test_of_an_hour_may_look_an_hour_or_longer_back(ago: str) -> None:
    assert play({"expect": previous(ago)}, {"orders": 8, "previous": {"orders": 10}}, "yellow").passed


def test_rule_test_without_previous_holds_it_against_nothing() -> None:
    changes = {"expect": previous("1d"), "compare": "difference", "ladder": {"red": rung(0, 1)}}
    assert play(changes, {"orders": 0}, "red").passed
    assert play(changes, {"orders": 3}).passed


def test_rule_test_takes_amounts_in_major_units_and_rounds_to_the_stored_unit() -> None:
    # 80.004 is stored as 8000 cents
    changes = {"kpi": "revenue", "expect": {"from": "constant", "value": 100}}
    assert play(changes, {"gross": 80.004}, "yellow").passed
    assert play(changes, {"gross": 80.006}).passed
    assert play(changes, {"gross": 95, "returned": "15.00"}, "yellow").passed


def test_rule_test_of_a_max_that_is_not_named_has_no_value() -> None:
    changes = {"kpi": "slowest", "compare": "value", "ladder": {"red": rung(10, 20)}}
    assert play(changes, {"slowest": 5}, "red").passed
    assert play(changes, {}).passed


@pytest.mark.parametrize(
    ("scope", "tiers"), [([], ["yellow"]), (["channel", "region"], ["yellow"])], ids=["company", "two"]
)
def test_rule_test_is_read_at_the_first_grouping_of_the_rule(scope: list[str], tiers: list[str]) -> None:
    assert play({"scopes": [scope, ["region"]]}, {"orders": 8}, *tiers).passed


def test_rule_test_gives_the_measure_of_a_minimum_that_is_another_kpi() -> None:
    changes = {"minimum": {"measure": "slowest", "value": 5}}
    assert play(changes, {"orders": 8, "slowest": 5}, "yellow").passed
    assert play(changes, {"orders": 8, "slowest": 4.999}).passed


def test_rule_test_gives_the_measure_of_a_minimum_of_the_same_kpi() -> None:
    changes = {"minimum": {"measure": "orders", "value": 7}}
    assert play(changes, {"orders": 7}, "yellow").passed
    assert play(changes, {"orders": 6}).passed


def test_rule_test_with_silence_tells_of_quiet_exactly_when_it_is_due() -> None:
    # the last order is of the minute before the rule is judged first; 20m later the scope is quiet
    assert play(QUIET, {"orders": 20, "silent_for": "19m"}).passed
    assert play({**QUIET, "window": "24h"}, {"orders": 20, "silent_for": "20m"}, "yellow", "orange").passed


def test_rule_test_without_silence_leaves_quiet_out_of_the_rule() -> None:
    ladder = {"yellow": rung(0.8, 0.9, "2h")}
    assert play({**QUIET, "window": "24h", "ladder": ladder}, {"orders": 20}).tiers == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"clicks": 1}, "'clicks' is no measure of orders — name one of: orders"),
        ({"revenue": 1}, "'revenue' is no measure of orders — name one of: orders"),
        ({"silent_for": "soon"}, "'soon' is not a duration; write a number and ms, s, m, h, d, w or wh: 30m"),
        ({"orders": "many"}, "orders: 'many' is not a number — write a number"),
    ],
    ids=["unknown measure", "no plain measure", "no duration", "no number"],
)
def test_rule_test_says_why_it_cannot_run(given: dict[str, Any], problem: str) -> None:
    changes = {"minimum": {"measure": "revenue", "value": 1}, **QUIET}
    assert play(changes, given, "red") == RuleTestResult("r", "t", False, [], ["red"], problem)


def test_rule_test_names_a_kpi_whose_formula_cannot_be_used() -> None:
    whole = catalogue([rule("r")], [kpi("orders", value="orders ** 2")])
    found = run_rule_test(whole, whole.rules["r"], RuleTest(name="t", given={"orders": 1}, expect=[]))
    assert not found.passed
    assert found.problem.startswith(
        "kpi orders is set aside: formula 'orders ** 2': `orders ** 2` is not allowed"
    )


@pytest.mark.parametrize("minimum", ["slowest", None], ids=["another kpi", "none"])
def test_rule_test_runs_its_rule_alone_beside_others(minimum: str | None) -> None:
    changes = {"minimum": {"measure": minimum, "value": 0}} if minimum else {}
    whole = catalogue([rule("r", **changes), rule("broken", ladder={"nowhere": rung(1, 2)})])
    given = {"orders": 8, **({"slowest": 1} if minimum else {})}
    assert run_rule_test(whole, whole.rules["r"], RuleTest(name="t", given=given, expect=["yellow"])).passed
