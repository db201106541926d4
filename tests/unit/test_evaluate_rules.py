"""When rules judge, what they hold values against, and what they tell."""

from typing import Any

import pytest

from schemas.records import Transition
from streams.engine.evaluate import Evaluation
from tests.evaluate_builders import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    constant,
    figures,
    kpi,
    previous,
    rule,
    run,
    rung,
    told,
)  # fmt: skip

T = MONDAY + 9 * HOUR
EAST, WEST = ("East", "web"), ("West", "web")
HIGH = {"compare": "value", "bad": "above", "expect": constant(0), "ladder": {"red": rung(5, 3)}}


def minutes(found: list[tuple[str, str, str, int]]) -> list[tuple[str, str, int]]:
    """(scope, tier, minutes after T)."""
    return [(scope, tier, (end - T) // MINUTE) for _, scope, tier, end in found]


def transitions(log: CellsLog, fold: Evaluation | None = None) -> list[Transition]:
    """Everything that is told."""
    return [t for outcome in run(log.records, fold) for t in outcome.transitions]


def steady(log: CellsLog, first: int, last: int, cells: dict[Any, dict[str, int]]) -> None:
    """The same cells in every minute from `first` to `last` after T."""
    for minute in range(first, last):
        log.add(cells, T + minute * MINUTE)
        log.reach(T + (minute + 1) * MINUTE)


def test_a_window_that_is_not_yet_full_is_not_judged() -> None:
    #  data begins at T;  [T, T+5m) is the first whole window
    log = CellsLog(catalogue([rule("high", window="5m", **HIGH)]))
    steady(log, 0, 8, {EAST: {"order.count": 9}})
    fold = Evaluation("a")
    assert minutes(told(run(log.records[: 2 + 2 * 4], fold))) == []
    assert list(fold.verdicts_now()) == [("high", "warming_up", 1)]
    assert minutes(told(run(log.records[2 + 2 * 4 :], fold))) == [("East", "red", 5)]
    assert list(fold.verdicts_now()) == [("high", "judged", 1)]


def test_a_previous_period_must_be_whole_too() -> None:
    log = CellsLog(catalogue([rule("drop", window="5m", expect=previous("1h"))]))
    steady(log, 0, 30, {EAST: {"order.count": 9}})
    log.reach(T + 3 * HOUR)
    assert minutes(told(run(log.records)))[0][2] >= 65


def test_a_calendar_window_is_judged_from_its_first_full_period() -> None:
    log = CellsLog(catalogue([rule("high", window="day", **HIGH)]))
    for day in range(3):
        log.add({EAST: {"order.count": 9}}, T + day * DAY)
        log.reach(T + day * DAY + HOUR)
    assert minutes(told(run(log.records)))[0] == ("East", "red", 24 * 60 + 1)


def test_a_hold_elapses_without_anything_happening() -> None:
    log = CellsLog(
        catalogue([rule("high", **{**HIGH, "window": "24h", "ladder": {"red": rung(5, 3, "40m")}})])
    )
    log.add({WEST: {"order.count": 1}}, T - 3 * DAY)
    log.add({EAST: {"order.count": 9}}, T)
    log.reach(T + 2 * HOUR)
    found = transitions(log)
    assert [(t.tier, (t.end_ms - T) // MINUTE, (t.since_ms - T) // MINUTE) for t in found] == [("red", 41, 1)]


def test_too_few_are_not_judged() -> None:
    few = rule("few", window="5m", expect=constant(2), minimum={"measure": "orders", "value": 3})
    log = CellsLog(catalogue([few]))
    steady(log, 0, 10, {WEST: {"order.count": 1}, EAST: {"order.max.delay": 1}})
    fold = Evaluation("a")
    assert told(run(log.records, fold)) == []
    assert sorted(fold.verdicts_now()) == [("few", "judged", 1), ("few", "too_few", 1)]


def test_the_minimum_may_be_another_kpi() -> None:
    few = rule(
        "few", kpi="revenue", window="5m", expect=constant(100), minimum={"measure": "orders", "value": 3}
    )
    log = CellsLog(catalogue([few]))
    steady(log, 0, 10, {EAST: {"order.count": 1, "order.sum.amount": 100}, WEST: {"order.sum.amount": 100}})
    assert {scope for scope, _, _ in minutes(told(run(log.records)))} == {"East"}


def test_a_transition_says_what_where_how_much_and_since_when() -> None:
    drop = rule("drop", kpi="revenue", expect=previous("1d"), scopes=[[]], hint=["region"])
    log = CellsLog(catalogue([drop]))
    good = {EAST: {"order.sum.amount": 6000}, WEST: {"order.sum.amount": 4000}}
    for start in (T - DAY - 2 * HOUR, T - DAY - HOUR, T - DAY, T - DAY + HOUR, T - HOUR):
        for minute in range(0, 60, 10):
            log.add(good, start + minute * MINUTE)
        log.reach(start + HOUR)
    log.reach(T - HOUR)
    for minute in range(0, 60, 10):
        log.add({EAST: {"order.sum.amount": 1000}, WEST: {"order.sum.amount": 3500}}, T + minute * MINUTE)
    log.reach(T + HOUR)
    found = transitions(log)[-1]
    assert (found.rule, found.scope, found.tier, found.previous) == ("drop", {}, "red", "yellow")
    assert (found.value, found.expected, found.departure) == (270.0, 600.0, 0.45)
    assert (found.kpi, found.window, found.cause, found.threshold) == ("revenue", "1h", "worse", 0.5)
    assert [(d.scope, d.value, d.expected) for d in found.drivers] == [
        ({"region": "East"}, 60.0, 360.0),
        ({"region": "West"}, 210.0, 240.0),
    ]
    assert found.drivers[0].share == pytest.approx(10 / 11)
    assert not found.silent


@pytest.mark.parametrize(
    ("changes", "installation", "silent"),
    [({}, True, False), ({"state": "shadow"}, True, True), ({}, False, True)],
)
def test_a_shadow_judges_and_is_silent(changes: dict[str, Any], installation: bool, silent: bool) -> None:
    log = CellsLog(catalogue([rule("high", window="5m", **{**HIGH, **changes})], live=installation))
    steady(log, 0, 6, {EAST: {"order.count": 9}})
    assert [t.silent for t in transitions(log)] == [silent]


def test_figures_carry_what_the_first_rule_expects_of_them() -> None:
    rules = [rule("b", window="5m", expect=constant(7)), rule("a", window="5m", expect=constant(8))]
    log = CellsLog(catalogue(rules))
    steady(log, 0, 2, {EAST: {"order.count": 1}})
    expected = {
        (f.window, f.level): f.expected for o in run(log.records) for f in o.figures if f.kpi == "orders"
    }
    assert expected["5m", "region"] == 8.0
    assert expected["5m", "company"] is None
    assert expected["1h", "region"] is None


def test_an_expectation_that_moves_is_looked_at_while_nothing_happens() -> None:
    #  yesterday 100 orders in the hour from T; today one at T+1m, then silence
    grown = rule("drop", window="day", expect=previous("1d"), scopes=[[]], ladder={"red": rung(0.5, 0.6)})
    log = CellsLog(catalogue([grown]))
    log.add({EAST: {"order.count": 1}}, T - 3 * DAY)
    log.add({EAST: {"order.count": 20}}, T - DAY)
    log.add({EAST: {"order.count": 9}}, T - DAY - 2 * HOUR)
    log.add({EAST: {"order.count": 9}}, T - 2 * HOUR)
    log.reach(T + 5 * HOUR)
    found = transitions(log)
    assert [(t.tier, (t.end_ms - T) // MINUTE, t.value, t.expected) for t in found] == [
        ("red", 30, 9.0, 19.0)
    ]


QUIET = rule(
    "quiet", scopes=[["region"]], ladder={"red": rung(-1, 0)}, quiet={"after": "30m", "tier": "orange"}
)  # fmt: skip


def causes(found: list[Transition]) -> list[tuple[str, str, str, int]]:
    """(scope, tier, cause, minutes after T)."""
    return [(",".join(t.scope.values()), t.tier, t.cause, (t.end_ms - T) // MINUTE) for t in found]


def test_a_scope_that_sends_nothing_becomes_quiet_and_is_heard_again() -> None:
    #  East ●(1)······················ quiet at 31 ······ ●(45) heard at 46
    log = CellsLog(catalogue([QUIET]))
    log.add({EAST: {"order.count": 1}}, T)
    log.reach(T + 40 * MINUTE)
    log.add({EAST: {"order.count": 1}}, T + 45 * MINUTE)
    log.reach(T + 46 * MINUTE)
    assert causes(transitions(log)) == [("East", "orange", "quiet", 31), ("East", "none", "heard", 46)]


def test_only_what_the_rules_kpi_counts_is_heard() -> None:
    log = CellsLog(catalogue([QUIET]))
    log.add({EAST: {"order.count": 1}}, T)
    log.add({EAST: {"order.sum.amount": 1}}, T + 20 * MINUTE)
    log.reach(T + 40 * MINUTE)
    assert causes(transitions(log)) == [("East", "orange", "quiet", 31)]


def test_a_scope_that_is_quiet_for_a_week_is_no_longer_expected() -> None:
    log = CellsLog(catalogue([QUIET]))
    log.add({EAST: {"order.count": 1}}, T)
    log.reach(T + 9 * DAY)
    assert causes(transitions(log)) == [
        ("East", "orange", "quiet", 31),
        ("East", "none", "removed", 7 * 24 * 60 + 1),
    ]


def test_an_expected_value_is_quiet_even_if_it_was_never_heard() -> None:
    dimensions = [{"id": "region", "expected": ["East", "South"]}, {"id": "channel"}]
    log = CellsLog(
        catalogue([{**QUIET, "scopes": [[], ["region"], ["region", "channel"]]}], dimensions=dimensions)
    )
    log.add({EAST: {"order.count": 1}}, T)
    log.reach(T + 9 * DAY)
    found = causes(transitions(log))
    assert ("South", "orange", "quiet", 30) in found
    assert ("", "orange", "quiet", 31) in found
    assert [item for item in found if item[2] == "removed"] == [
        ("East,web", "none", "removed", 7 * 24 * 60 + 1)
    ]


def test_a_kpi_or_rule_that_cannot_be_made_ready_is_set_aside_and_the_rest_goes_on() -> None:
    broken = kpi("broken", unit="x", measures={"n": {"event": "order", "count": True}}, value="n +")
    rules = [rule("high", window="5m", **HIGH), rule("on_broken", kpi="broken")]
    log = CellsLog(catalogue(rules, [kpi("orders"), broken]))
    steady(log, 0, 6, {EAST: {"order.count": 9}})
    outcomes = run(log.records)
    assert [(p.kind, p.name) for o in outcomes for p in o.problems] == [
        ("kpi", "broken"),
        ("rule", "on_broken"),
    ]
    assert "cannot be read" in str(outcomes[0].problems[0])
    assert minutes(told(outcomes)) == [("East", "red", 5)]
    assert figures(outcomes)["orders", "5m", "", T + MINUTE] == 9.0


def test_a_kpi_and_its_rule_that_raise_while_judging_are_set_aside_and_the_rest_goes_on() -> None:
    large = kpi("large", unit="x", measures={"n": {"event": "order", "count": True}}, value="n * 1e308")
    rules = [rule("high", window="5m", **HIGH), rule("on_large", kpi="large", window="5m")]
    log = CellsLog(catalogue(rules, [kpi("orders"), large]))
    steady(log, 0, 6, {EAST: {"order.count": 9}})
    fold = Evaluation("a")
    outcomes = run(log.records, fold)
    problems = [(p.kind, p.name, (o.end_ms - T) // MINUTE) for o in outcomes for p in o.problems]
    assert problems == [("rule", "on_large", 1), ("kpi", "large", 1)]
    assert "overflow" in outcomes[1].problems[0].text
    assert minutes(told(outcomes)) == [("East", "red", 5)]
    assert {figure.kpi for figure in fold.figures_now()} == {"orders"}
    assert {name for name, _, _ in fold.verdicts_now()} == {"high"}


def test_a_hold_that_runs_is_no_tier_yet() -> None:
    log = CellsLog(
        catalogue([rule("high", **{**HIGH, "window": "5m", "ladder": {"red": rung(5, 3, "40m")}})])
    )
    steady(log, 0, 8, {EAST: {"order.count": 9}})
    fold = Evaluation("a")
    assert told(run(log.records, fold)) == []
    assert list(fold.tiers()) == []


def test_a_quiet_rule_that_raises_is_set_aside_too() -> None:
    large = kpi("large", unit="x", measures={"n": {"event": "order", "count": True}}, value="n * 1e308")
    log = CellsLog(catalogue([{**QUIET, "kpi": "large"}], [kpi("orders"), large]))
    log.add({EAST: {"order.count": 1}}, T)
    log.reach(T + MINUTE)
    log.add({EAST: {"order.count": 9}}, T + MINUTE)
    log.reach(T + 2 * MINUTE)
    log.add({EAST: {"order.count": 9}}, T + 2 * MINUTE)
    log.reach(T + 2 * HOUR)
    outcomes = run(log.records)
    assert [(p.kind, p.name) for o in outcomes for p in o.problems] == [("rule", "quiet"), ("kpi", "large")]
    assert told(outcomes) == []


def test_rules_that_look_at_the_same_earlier_window_see_the_same() -> None:
    rules = [rule(name, window="5m", expect=previous("1h")) for name in ("one", "other")]
    log = CellsLog(catalogue(rules))
    steady(log, 0, 90, {EAST: {"order.count": 9}, WEST: {"order.count": 1}})
    log.reach(T + 2 * HOUR)
    found = transitions(log)
    by_rule = [
        [(t.tier, t.end_ms, t.value, t.expected) for t in found if t.rule == name]
        for name in ("one", "other")
    ]
    assert by_rule[0] == by_rule[1] != []


def test_outside_below_names_who_is_below() -> None:
    off = rule(
        "off", window="5m", expect=previous("1h"), bad="outside", scopes=[[]], ladder={"red": rung(0.3, 0.2)}
    )
    log = CellsLog(catalogue([off]))
    steady(log, 0, 120, {EAST: {"order.count": 9}, WEST: {"order.count": 9}})
    steady(log, 120, 126, {EAST: {"order.count": 2}, WEST: {"order.count": 9}})
    found = transitions(log)
    assert [(t.tier, [d.scope["region"] for d in t.drivers]) for t in found] == [("red", ["East"])]


def test_a_smallest_is_judged_and_found_again() -> None:
    least = kpi("least", unit="CNY", measures={"n": {"event": "order", "min": "amount"}}, value="n")
    low = {"kpi": "least", "compare": "value", "window": "5m", "ladder": {"red": rung(1, 2)}, "scopes": [[]]}
    log = CellsLog(catalogue([rule("low", **low)], [least]))
    for minute, amount in ((0, 900), (5, 100), (6, 300)):
        log.add(
            {EAST: {"order.min.amount": amount}, WEST: {"order.min.amount": amount + 1}}, T + minute * MINUTE
        )
    log.reach(T + HOUR)
    outcomes = run(log.records)
    values = [
        ((end - T) // MINUTE, v) for (k, w, s, end), v in figures(outcomes).items() if (w, s) == ("5m", "")
    ]
    assert values == [(1, 9.0), (6, 1.0), (7, 1.0), (11, 3.0)]
    assert minutes(told(outcomes)) == [("", "red", 6), ("", "none", 11)]


def test_states_grow_with_the_scopes() -> None:
    log = CellsLog(catalogue([rule("high", window="5m", **HIGH)]))
    cells = {(f"r{number:03}", "web"): {"order.count": 9} for number in range(150)}
    steady(log, 0, 6, cells)
    assert len(told(run(log.records))) == 150
