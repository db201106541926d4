"""A rule's own tests: what is given is what is judged, in every kind of window."""

from typing import Any

import pytest

from schemas.catalogue import Catalogue
from schemas.period import Window
from schemas.rule import Rule, RuleTest
from streams.engine.ruletest import RuleTestResult, run_rule_test
from tests.evaluate_builders import TITLE, catalogue, constant, kpi, previous, rule, rung

RATIO = kpi("ratio", unit="ratio", measures={
    "bad": {"event": "review", "count": True, "where": {"sentiment": "bad"}},
    "all_of_them": {"event": "review", "count": True},
}, value="bad / all_of_them")  # fmt: skip
WINDOWS: list[Window] = ["5m", "1h", "24h", "7d", "day", "week", "month", "quarter", "year"]


def outcome(given: dict[str, Any], tiers: list[str], **changes: Any) -> RuleTestResult:
    """One test of a rule on orders."""
    return tried(catalogue([rule("r", **changes)], [kpi("orders"), kpi("revenue"), RATIO]), given, tiers)


def tried(found: Catalogue, given: dict[str, Any], tiers: list[str]) -> RuleTestResult:
    """One test of rule `r`."""
    checked: Rule = found.rules["r"]
    return run_rule_test(found, checked, RuleTest(name="t", given=given, expect=tiers))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("zone", ["Etc/UTC", "Asia/Shanghai", "America/New_York", "Asia/Kolkata"])
def test_a_constant_is_compared_with_exactly_what_is_given(window: Window, zone: str) -> None:
    ladder = {"blue": rung(0.7, 0.75), "yellow": rung(0.69, 0.75)}
    found = catalogue([rule("r", window=window, ladder=ladder)], [kpi("orders")], time_zone=zone)
    assert tried(found, {"orders": 7}, ["blue"]).passed
    assert tried(found, {"orders": 6}, ["blue", "yellow"]).passed
    assert tried(found, {"orders": 8}, []).passed


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("zone", ["Etc/UTC", "Asia/Shanghai"])
def test_a_previous_period_is_compared_with_exactly_what_it_held(window: Window, zone: str) -> None:
    ladder = {"blue": rung(0.7, 0.75, "30m"), "yellow": rung(0.69, 0.75, "3h")}
    ago = "364d" if window in ("quarter", "year") else "28d" if window == "month" else "7d"
    found = catalogue(
        [rule("r", window=window, ladder=ladder, expect=previous(ago))], [kpi("orders")], time_zone=zone
    )
    assert tried(found, {"orders": 35, "previous": {"orders": 50}}, ["blue"]) == (
        "r",
        "t",
        True,
        ["blue"],
        ["blue"],
        "",
    )
    assert tried(found, {"orders": 34, "previous": {"orders": 50}}, ["blue", "yellow"]).passed
    assert tried(found, {"orders": 36, "previous": {"orders": 50}}, []).passed


@pytest.mark.parametrize(
    ("ago", "window"),
    [("1h", "5m"), ("1h", "1h"), ("4h", "1h"), ("1d", "24h"), ("28d", "24h"), ("28d", "7d")],
)
def test_a_near_previous_period_can_be_tested_too(ago: str, window: Window) -> None:
    changes = {"window": window, "ladder": {"blue": rung(0.7, 0.75)}, "expect": previous(ago)}
    assert outcome({"orders": 35, "previous": {"orders": 50}}, ["blue"], **changes).passed
    assert outcome({"orders": 36, "previous": {"orders": 50}}, [], **changes).passed


def test_a_hold_that_is_longer_than_the_window_can_elapse() -> None:
    ladder = {"blue": rung(0.7, 0.75, "2h")}
    assert outcome({"orders": 7}, ["blue"], window="5m", ladder=ladder).passed


def test_a_failed_test_tells_which_tiers_were_passed() -> None:
    found = outcome({"orders": 1}, ["yellow"])
    assert (found.passed, found.tiers, found.expected) == (False, ["yellow", "red"], ["yellow"])


def test_money_and_ratios_are_given_in_natural_units() -> None:
    few = {"kpi": "revenue", "expect": constant(100), "ladder": {"red": rung(0.9, 0.95)}}
    assert outcome({"gross": 100.5, "returned": 10.5}, ["red"], **few).passed
    assert outcome({"gross": 100.51, "returned": 10.5}, [], **few).passed
    share = {"kpi": "ratio", "bad": "above", "compare": "value", "ladder": {"red": rung(0.2, 0.1)}}
    assert outcome({"bad": 20, "all_of_them": 100}, ["red"], **share).passed
    assert outcome({"bad": 0, "all_of_them": 0}, [], **share).passed


def test_the_minimum_may_be_given_by_the_name_of_another_kpi() -> None:
    few = {"kpi": "revenue", "expect": constant(100), "minimum": {"measure": "orders", "value": 30}}
    assert outcome({"gross": 10, "orders": 30}, ["yellow", "red"], **few).passed
    assert outcome({"gross": 10, "orders": 29}, [], **few).passed


def test_silence_can_be_tested() -> None:
    quiet = {"window": "24h", "quiet": {"after": "2h", "tier": "red"}}
    assert outcome({"orders": 10, "silent_for": "2h"}, ["yellow", "red"], **quiet).passed
    assert outcome({"orders": 10, "silent_for": "119m"}, [], **quiet).passed
    assert outcome({"orders": 10}, [], **quiet).passed


def test_a_region_that_is_expected_elsewhere_does_not_speak_in_a_test_of_silence() -> None:
    quiet = rule("r", ladder={"yellow": rung(0.1, 0.2)}, quiet={"after": "20m", "tier": "orange"})
    dimensions = [{"id": "region", "expected": ["Island", "North"]}, {"id": "channel"}]
    found = catalogue([quiet], [kpi("orders")], dimensions)
    assert tried(found, {"orders": 10, "silent_for": "20m"}, ["yellow", "orange"]).passed


def test_a_rule_on_update_can_be_tested() -> None:
    burst = {
        "on": "update",
        "bad": "above",
        "compare": "value",
        "ladder": {"blue": rung(3, 2), "red": rung(5, 4)},
    }
    assert outcome({"orders": 5}, ["blue", "red"], **burst).passed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gross": 5}, "'gross' is no measure of orders"),
        ({"ratio": 5}, "'ratio' is no measure of orders"),
        ({"orders": "many"}, "'many' is not a number"),
        ({"orders": 1, "silent_for": "long"}, "'long' is not a duration"),
    ],
)
def test_what_is_wrong_with_a_test_is_said(given: dict[str, Any], said: str) -> None:
    found = outcome(given, [])
    assert not found.passed
    assert said in found.problem


def test_a_kpi_that_cannot_be_computed_is_said() -> None:
    broken = {"id": "orders", "title": TITLE, "unit": "x", "better": "higher", "value": "n +",
              "measures": {"n": {"event": "order", "count": True}}}  # fmt: skip
    found = tried(catalogue([rule("r")], [broken]), {"n": 1}, [])
    assert "kpi orders is set aside" in found.problem
