"""Rules on update: told within the open pane, once, and confirmed at its close."""

from typing import Any

from schemas.records import Transition
from streams.engine.evaluate import Evaluation
from tests.evaluate_builders import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    kpi,
    ledger,
    page,
    rule,
    run,
    rung,
)  # fmt: skip

T = MONDAY + 9 * HOUR
EAST, WEST = ("East", "web"), ("West", "web")
BURST = {
    "on": "update", "compare": "value", "bad": "above", "scopes": [["region"]],
    "ladder": {"yellow": rung(2, 1), "red": rung(4, 1)},
}  # fmt: skip


def log_of(**changes: Any) -> CellsLog:
    """A log of one partition whose time stands at T."""
    log = CellsLog(catalogue([rule("burst", **{**BURST, **changes})]), timestamp=T + 5_000)
    log.add({WEST: {"order.count": 1}}, T - MINUTE)
    log.reach(T)
    return log


def causes(found: list[Transition]) -> list[tuple[str, str, int, int]]:
    """(scope, tier, seconds after T of the pane end, seq)."""
    return [(",".join(t.scope.values()), t.tier, (t.end_ms - T) // 1000, t.seq) for t in found]


def fed(log: CellsLog, fold: Evaluation) -> list[tuple[str, str, int, int]]:
    """What follows from the records that the fold has not got."""
    fresh = [record for record in log.records if record[0] > fold.version]
    return causes([t for outcome in run(fresh, fold) for t in outcome.transitions])


def test_a_burst_is_told_while_its_pane_is_open_and_only_once() -> None:
    #  T ────────────●2──●5────── T+1m          page versions with 2, then 5 orders
    #                ▲   ▲                      yellow, red: told at once
    log, fold = log_of(), Evaluation("a")
    fed(log, fold)
    log.put(page(log.layout, {EAST: {"order.count": 2}}, T, stamp=10))
    assert fed(log, fold) == [("East", "yellow", 60, 0)]
    log.put(page(log.layout, {EAST: {"order.count": 3}}, T, stamp=11))
    assert fed(log, fold) == []
    log.put(page(log.layout, {EAST: {"order.count": 5}}, T, stamp=12))
    assert fed(log, fold) == [("East", "red", 60, 1)]
    assert [item[:3] for item in fold.tiers()] == [("burst", {"region": "East"}, "red")]
    log.put(ledger(T + 2 * MINUTE, stamp=13))
    assert fed(log, fold) == []


def test_told_early_or_at_the_close_it_is_the_same_transition() -> None:
    early, late = log_of(), log_of()
    for log, timestamp in ((early, T + 5_000), (late, T + DAY)):
        log.timestamp = timestamp
        log.put(page(log.layout, {EAST: {"order.count": 5}}, T, stamp=10))
        log.put(ledger(T + 2 * MINUTE, stamp=13))
    found = [[(t.id, t.seq) for o in run(log.records) for t in o.transitions] for log in (early, late)]
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_pages_of_a_backfill_wait_for_the_close() -> None:
    log, fold = log_of(), Evaluation("a")
    log.timestamp = T + DAY
    fed(log, fold)
    log.put(page(log.layout, {EAST: {"order.count": 5}}, T, stamp=10))
    assert fed(log, fold) == []
    log.put(ledger(T + MINUTE, stamp=11))
    assert fed(log, fold) == [("East", "yellow", 60, 0), ("East", "red", 60, 1)]


def test_what_closed_panes_hold_counts_and_what_leaves_does_not() -> None:
    #  5m window  [T−5m ●1 ……… T ●1)  two together; one minute later the first is out
    log, fold = log_of(window="5m"), Evaluation("a")
    log.put(page(log.layout, {EAST: {"order.count": 1}}, T, stamp=10))
    log.put(ledger(T + 5 * MINUTE, stamp=11))
    log.timestamp = T + 5 * MINUTE
    fed(log, fold)
    log.put(page(log.layout, {EAST: {"order.count": 1}}, T + 5 * MINUTE, stamp=12))
    assert fed(log, fold) == []
    log.put(page(log.layout, {EAST: {"order.count": 2}}, T + 5 * MINUTE, stamp=13))
    assert fed(log, fold) == [("East", "yellow", 360, 0)]


def test_a_calendar_window_counts_its_closed_and_its_open_part() -> None:
    log, fold = log_of(window="day"), Evaluation("a")
    log.put(page(log.layout, {EAST: {"order.count": 1}}, T, stamp=10))
    log.put(ledger(T + MINUTE, stamp=11))
    fed(log, fold)
    log.put(page(log.layout, {EAST: {"order.count": 1}}, T + MINUTE, stamp=12))
    assert fed(log, fold) == [("East", "yellow", 120, 0)]


def test_a_largest_is_told_early() -> None:
    slow = {"kpi": "slowest", "ladder": {"red": rung(60, 30)}, "scopes": [[]]}
    log, fold = log_of(**slow), Evaluation("a")
    fed(log, fold)
    log.put(page(log.layout, {EAST: {"order.max.delay": 61_000}, WEST: {"order.max.delay": 5}}, T, stamp=10))
    assert fed(log, fold) == [("", "red", 60, 0)]


def test_the_way_down_waits_for_the_close() -> None:
    log, fold = log_of(window="5m"), Evaluation("a")
    log.put(page(log.layout, {EAST: {"order.count": 9}}, T, stamp=10))
    assert fed(log, fold) == [("East", "yellow", 60, 0), ("East", "red", 60, 1)]
    log.put(ledger(T + 5 * MINUTE, stamp=11))
    assert fed(log, fold) == []
    log.put(ledger(T + 6 * MINUTE, stamp=12))
    assert fed(log, fold) == [("East", "yellow", 360, 2), ("East", "none", 360, 3)]


def test_late_content_is_told_early_only_where_it_lies_in_the_window() -> None:
    log, fold = log_of(window="5m"), Evaluation("a")
    fed(log, fold)
    log.put(page(log.layout, {EAST: {"order.count": 9}}, T - HOUR, known=T, stamp=10))
    log.put(page(log.layout, {EAST: {"order.count": 9}}, T - 5 * HOUR, known=T, grain="h", stamp=11))
    assert fed(log, fold) == []
    log.put(page(log.layout, {EAST: {"order.count": 2}}, T - 2 * MINUTE, known=T, stamp=12))
    assert fed(log, fold) == [("East", "yellow", 60, 0)]


def test_an_update_rule_that_raises_is_set_aside_and_the_others_go_on() -> None:
    large = kpi("large", unit="x", measures={"n": {"event": "order", "count": True}}, value="n * 1e308")
    rules = [rule("burst", **BURST), rule("huge", **{**BURST, "kpi": "large"})]
    log = CellsLog(catalogue(rules, [kpi("orders"), large]), timestamp=T)
    log.add({WEST: {"order.count": 1}}, T - MINUTE)
    log.reach(T)
    fold = Evaluation("a")
    run(log.records, fold)
    log.put(page(log.layout, {EAST: {"order.count": 2}}, T, stamp=10))
    outcomes = run(log.records[-1:], fold)
    assert [(p.kind, p.name) for o in outcomes for p in o.problems] == [("rule", "huge")]
    assert [t.rule for o in outcomes for t in o.transitions] == ["burst"]
    log.put(page(log.layout, {EAST: {"order.count": 5}}, T, stamp=11))
    assert fed(log, fold) == [("East", "red", 60, 1)]
