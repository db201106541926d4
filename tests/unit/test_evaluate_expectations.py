"""What values are held against: reasons of verdicts, minima over two windows, drivers, periods too old."""

from typing import Any

import pytest

from schemas.records import CatalogueRecord, Transition
from streams.engine.evaluate import Evaluation, Outcome
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
)

T = MONDAY + 9 * HOUR
NOW = T + MINUTE
Cells = dict[tuple[str, ...], dict[str, int]]
SHARE = kpi("share", unit="ratio", measures=kpi("revenue")["measures"], value="returned / gross")


def fed(rules: list[dict[str, Any]], then: Cells, now: Cells) -> tuple[list[Outcome], Evaluation]:
    """What comes of it when the minute at T holds `now` and two hours before it `then`; judged at T + 1m."""
    log = CellsLog(catalogue(rules, [kpi("orders"), kpi("revenue"), kpi("slowest"), SHARE]))
    log.add({("East", "web"): {"order.max.delay": 1}}, T - 6 * HOUR)
    log.add(then, T - 2 * HOUR)
    log.reach(T - HOUR)
    log.add(now, T)
    log.reach(NOW)
    fold = Evaluation("test")
    return run(log.records, fold), fold


def at_now(outcomes: list[Outcome]) -> list[Transition]:
    return [t for outcome in outcomes for t in outcome.transitions if t.end_ms == NOW]


def money(gross: int, returned: int = 0) -> dict[str, int]:
    """Measures of an hour, in cents."""
    return {"order.sum.amount": 100 * gross, "refund.sum.amount": 100 * returned}


FALL = {
    "window": "5m",
    "expect": previous("2h"),
    "compare": "difference",
    "ladder": {"red": rung(-3, -2)},
    "minimum": {"measure": "gross", "value": 50},
}


def test_sum_is_judged_when_one_of_both_windows_holds_the_minimum() -> None:
    outcomes, _ = fed(
        [rule("fall", kpi="revenue", **FALL)],
        {("East", "web"): money(60), ("West", "web"): money(49)},
        {("East", "web"): money(1), ("West", "web"): money(1)},
    )
    assert [move.scope for move in at_now(outcomes)] == [{"region": "East"}]


def test_share_is_judged_only_when_its_own_window_holds_the_minimum() -> None:
    fewer = {**FALL, "ladder": {"red": rung(-0.1, -0.05)}}
    outcomes, fold = fed(
        [rule("fall", kpi="share", **fewer)],
        {("East", "web"): money(60, 30), ("West", "web"): money(60, 30)},
        {("East", "web"): money(50, 1), ("West", "web"): money(49, 1)},
    )
    assert [move.scope for move in at_now(outcomes)] == [{"region": "East"}]
    assert sorted(fold.verdicts_now()) == [("fall", "judged", 1), ("fall", "too_few", 1)]


def test_rules_that_look_back_the_same_way_see_the_same() -> None:
    rules = [
        rule("all", kpi="revenue", **{**FALL, "scopes": [[]]}),
        rule("each", kpi="revenue", **{**FALL, "scopes": [["region"], ["channel"]]}),
    ]
    then = {("East", "web"): money(60), ("West", "shop"): money(70)}
    outcomes, _ = fed(rules, then, {("East", "web"): money(10), ("West", "shop"): money(10)})
    found = {(move.rule, *move.scope.values()): move.expected for move in at_now(outcomes)}
    assert found == {
        ("all",): 130,
        ("each", "East"): 60,
        ("each", "West"): 70,
        ("each", "web"): 60,
        ("each", "shop"): 70,
    }


@pytest.mark.parametrize(
    ("now", "scope"),
    [
        ({"web": 100, "shop": 0, "app": 40}, {"channel": "shop"}),
        ({"web": 190, "shop": 40, "app": 110}, {"channel": "web"}),
    ],
    ids=["fallen", "risen"],
)
def test_drivers_of_a_rule_on_both_sides_lie_on_the_side_of_the_departure(
    now: dict[str, int], scope: dict[str, str]
) -> None:
    outside = {"expect": previous("2h"), "bad": "outside", "window": "5m", "scopes": [[]]}
    then = {("East", channel): {"order.count": 100} for channel in ("web", "shop", "app")}
    cells = {("East", channel): {"order.count": count} for channel, count in now.items()}
    outcomes, _ = fed(
        [rule("off", hint=["channel"], ladder={"red": rung(0.1, 0.05)}, **outside)], then, cells
    )
    (found,) = at_now(outcomes)
    assert found.drivers[0].scope == scope
    assert all((driver.change or 0) * (found.departure or 0) != 0 for driver in found.drivers)


def test_every_reason_is_counted_by_rule() -> None:
    rules = [
        rule("a", minimum={"measure": "orders", "value": 3}),
        rule("b", kpi="slowest"),
        rule("c", expect=previous("2h"), window="5m"),
        rule("d", window="7d"),
        rule("e", scopes=[["channel"]], window="5m"),
    ]
    then = {("East", "web"): {"order.count": 1}}
    now = {("East", "web"): {"order.count": 3}, ("West", "web"): {"order.count": 2}}
    _, fold = fed(rules, then, now)
    assert sorted(fold.verdicts_now()) == [
        ("a", "judged", 1),
        ("a", "too_few", 1),
        ("b", "no_value", 2),
        ("c", "judged", 1),
        ("c", "no_expectation", 1),
        ("d", "warming_up", 2),
        ("e", "judged", 1),
    ]


def test_rule_without_any_scope_in_its_window_has_no_verdict() -> None:
    log = CellsLog(catalogue([rule("e", window="5m")]))
    log.add({("East", "web"): {"order.count": 3}}, T)
    log.reach(T + HOUR)
    fold = Evaluation("test")
    run(log.records, fold)
    assert list(fold.verdicts_now()) == []


def test_rule_on_update_that_has_nothing_to_compare_with_waits_for_the_close() -> None:
    burst = rule("burst", on="update", bad="above", expect=previous("3h"), ladder={"red": rung(2, 1)})
    log = CellsLog(catalogue([burst]), timestamp=NOW)
    log.add({("East", "web"): {"order.count": 1}}, T - 6 * HOUR)
    log.add({("East", "web"): {"order.count": 1}}, T - 3 * HOUR)
    log.reach(T)
    fold = Evaluation("test")
    run(log.records, fold)
    log.add({("East", "web"): {"order.count": 2}}, T)
    assert told(run(log.records[-1:], fold)) == []
    log.reach(NOW)
    assert told(run(log.records[-1:], fold)) == [("burst", "East", "red", NOW)]


def test_period_is_written_again_only_while_its_days_are_kept() -> None:
    #  2025-01-01   2025-12-31         2026-06-01
    #  │ year 2025 ─────●────│ … ──────|──          days are kept for 400 d: from 2025-04-26 on
    log = CellsLog(catalogue([], [kpi("orders", windows=["month", "year"])]))
    log.add({("East", "web"): {"order.count": 1}}, T)
    log.reach(NOW)
    new_year = MONDAY - (31 + 28 + 31 + 30 + 31) * DAY
    log.add({("East", "web"): {"order.count": 5}}, new_year - DAY, known=NOW, grain="d")
    log.add({("East", "web"): {"order.count": 1}}, NOW)
    log.reach(NOW + MINUTE)
    found = figures(run(log.records))
    late = {
        window: value for (_, window, scope, end), value in found.items() if (scope, end) == ("", new_year)
    }
    assert late == {"month": 5}
    assert found["orders", "year", "", NOW + MINUTE] == 2


def test_content_of_a_day_that_is_not_kept_any_more_changes_no_figure() -> None:
    log = CellsLog(catalogue([]))
    log.add({("East", "web"): {"order.count": 1}}, T)
    log.reach(NOW)
    log.add({("East", "web"): {"order.count": 5}}, MONDAY - 500 * DAY, known=NOW, grain="d")
    log.add({("East", "web"): {"order.count": 1}}, NOW)
    log.reach(NOW + MINUTE)
    found = figures(run(log.records))
    assert {end for *_, end in found} == {NOW, NOW + MINUTE}
    assert {value for (name, *_, end), value in found.items() if (name, end) == ("orders", NOW + MINUTE)} == {
        2
    }


def test_catalogue_that_changes_before_any_content_expects_from_the_first_content_on() -> None:
    quiet = rule(
        "quiet", ladder={"yellow": rung(-1, 0)}, quiet={"after": "3h", "tier": "red"}, expect=constant(10)
    )
    expecting = [{"id": "region", "expected": ["North"]}, {"id": "channel"}]
    log = CellsLog(catalogue([quiet]))
    log.reach(T - 10 * HOUR)
    record = CatalogueRecord(catalogue=catalogue([quiet], dimensions=expecting))
    log.put(record.model_dump_json(by_alias=True).encode())
    log.reach(T)
    log.add({("North", "web"): {"refund.sum.amount": 1}}, T)
    log.reach(T + 4 * HOUR)
    assert told(run(log.records))[-1] == ("quiet", "North", "red", T + 3 * HOUR)


def test_value_that_is_expected_and_was_heard_keeps_the_time_it_was_heard() -> None:
    quiet = rule("quiet", ladder={"yellow": rung(-1, 0)}, quiet={"after": "3h", "tier": "red"})
    dimensions = [{"id": "region", "expected": ["East"]}, {"id": "channel"}]
    whole = catalogue([quiet], dimensions=dimensions)
    log = CellsLog(whole)
    log.add({("East", "web"): {"order.count": 1}}, T)
    log.reach(T + HOUR)
    log.put(CatalogueRecord(catalogue=whole).model_dump_json(by_alias=True).encode())
    log.reach(T + 5 * HOUR)
    assert told(run(log.records)) == [
        ("quiet", "East", "yellow", NOW + 3 * HOUR),
        ("quiet", "East", "red", NOW + 3 * HOUR),
    ]


@pytest.mark.parametrize(("ago", "expected"), [("30m", 7), ("1h", 5)], ids=["its edge", "its other edge"])
def test_minutes_at_the_edges_of_an_earlier_window_count_whole(ago: str, expected: int) -> None:
    #  ● 5 at T-95m      ● 7 at T-40m      the hours are cut by minutes, which are kept for three hours
    fell = rule("fell", expect=previous(ago), compare="difference", ladder={"red": rung(-3, -2)})
    log = CellsLog(catalogue([fell]))
    log.add({("East", "web"): {"order.max.delay": 1}}, T - 6 * HOUR)
    log.add({("East", "web"): {"order.count": 5}}, T - 95 * MINUTE)
    log.add({("East", "web"): {"order.count": 7}}, T - 40 * MINUTE)
    log.add({("East", "web"): {"order.count": 1}}, T + 10 * MINUTE)
    log.reach(T + 11 * MINUTE)
    fold = Evaluation("test")
    run(log.records, fold)
    found = {
        f.expected for f in fold.figures_now() if (f.kpi, f.window, f.level) == ("orders", "1h", "region")
    }
    assert found == {expected}


def test_days_whose_hours_are_not_kept_any_more_are_paced_at_the_edges() -> None:
    #  │ 24 orders      │ 48 orders      │         fifteen and fourteen days ago
    #          └── 15 h ─┴─ 9 h ──┘                what the last 24h at nine are held against
    fell = rule("fell", window="24h", expect=previous("14d"), ladder={"red": rung(0.3, 0.4)})
    log = CellsLog(catalogue([fell]))
    log.add({("East", "web"): {"order.count": 24}}, MONDAY - 15 * DAY + HOUR)
    log.add({("East", "web"): {"order.count": 48}}, MONDAY - 14 * DAY + 20 * HOUR)
    log.add({("East", "web"): {"order.count": 20}}, T - MINUTE)
    log.reach(T)
    fold = Evaluation("test")
    run(log.records, fold)
    now = (f for f in fold.figures_now() if (f.kpi, f.window, f.level) == ("orders", "24h", "region"))
    assert [(figure.value, figure.expected) for figure in now] == [(20, 15 + 18)]


def test_hold_that_runs_is_no_tier_yet() -> None:
    slow = rule("slow", window="5m", bad="above", ladder={"yellow": rung(0.1, 0, "30m")})
    log = CellsLog(catalogue([slow]))
    log.add({("East", "web"): {"order.count": 1}}, T - HOUR)
    log.add({("East", "web"): {"order.count": 1}}, T)
    log.reach(NOW)
    fold = Evaluation("test")
    assert told(run(log.records, fold)) == []
    assert list(fold.tiers()) == []
