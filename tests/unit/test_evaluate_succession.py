"""From one catalogue to the next while events flow: what goes over, and what is taken back."""

from typing import Any

import pytest

from schemas.catalogue import Catalogue
from schemas.records import CatalogueRecord, Transition
from streams.cells.layout import layout_of
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
    restart,
    rule,
    run,
    rung,
    told,
)

#: when the second page is counted, and the pane end at which it is judged
T = MONDAY + 9 * HOUR
NOW = T + MINUTE


def many(**changes: Any) -> dict[str, Any]:
    """A rule that is bad above: yellow from 4 orders in the hour, red from 10."""
    return rule(
        "many",
        **{
            "compare": "value",
            "bad": "above",
            "expect": constant(0),
            "ladder": {"yellow": rung(4, 3), "red": rung(10, 8)},
            **changes,
        },
    )


class Running:
    """A fold that was fed until five orders of the East made it yellow."""

    def __init__(self, first: Catalogue) -> None:
        self.log = CellsLog(first)
        self.log.add({("East", "web"): {"order.count": 1}}, T - 2 * HOUR)
        self.log.reach(T - HOUR)
        self.log.add({("East", "web"): {"order.count": 5}}, T)
        self.log.reach(NOW)
        self.fold = Evaluation("test")
        self.outcomes = run(self.log.records, self.fold)

    def change(self, to: Catalogue) -> list[Outcome]:
        """Put another catalogue into force."""
        self.log.put(CatalogueRecord(catalogue=to).model_dump_json(by_alias=True).encode())
        self.log.layout = layout_of(to)
        return run(self.log.records[-1:], self.fold)

    def go_on(self, to_ms: int, cells: dict[tuple[str, ...], dict[str, int]] | None = None) -> list[Outcome]:
        """Close up to a pane end, with a page of the last pane before it."""
        before = len(self.log.records)
        if cells is not None:
            self.log.add(cells, to_ms - MINUTE)
        self.log.reach(to_ms)
        return run(self.log.records[before:], self.fold)


def transitions(outcomes: list[Outcome]) -> list[Transition]:
    return [transition for outcome in outcomes for transition in outcome.transitions]


def test_rule_whose_ladder_alone_changes_keeps_its_tier() -> None:
    running = Running(catalogue([many()]))
    assert told(running.outcomes) == [("many", "East", "yellow", NOW)]
    changed = catalogue([many(ladder={"yellow": rung(5, 2), "red": rung(20, 8)})])
    assert told(running.change(changed)) == []
    assert list(running.fold.tiers()) == [("many", {"region": "East"}, "yellow", NOW)]
    assert running.fold.catalogue == changed


def test_rule_whose_ladder_gets_a_rung_between_goes_on_from_its_tier() -> None:
    running = Running(catalogue([many()]))
    ladder = {"yellow": rung(4, 3), "orange": rung(6, 5), "red": rung(10, 8)}
    assert told(running.change(catalogue([many(ladder=ladder)]))) == []
    later = running.go_on(NOW + MINUTE, {("East", "web"): {"order.count": 1}})
    assert told(later) == [("many", "East", "orange", NOW + MINUTE)]
    assert transitions(later)[0].previous == "yellow"


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [many(window="24h")],
        [many(kpi="revenue")],
        [many(compare="difference")],
        [many(bad="outside")],
        [many(ladder={"blue": rung(4, 3), "red": rung(10, 8)})],
        [many(scopes=[["channel"], []])],
    ],
    ids=[
        "rule gone",
        "other window",
        "other KPI",
        "other comparison",
        "other side",
        "tier gone",
        "other scopes",
    ],
)
def test_tier_that_nobody_judges_any_more_is_left_with_the_cause_removed(rules: list[dict[str, Any]]) -> None:
    running = Running(catalogue([many()]))
    (gone,) = transitions(running.change(catalogue(rules)))
    assert (gone.rule, gone.scope, gone.previous, gone.tier) == ("many", {"region": "East"}, "yellow", "none")
    assert (gone.cause, gone.end_ms) == ("removed", NOW)
    assert (gone.value, gone.expected, gone.departure, gone.threshold) == (None, None, None, None)
    assert list(running.fold.tiers()) == []


def test_tier_that_is_removed_passes_every_rung_on_its_way_down() -> None:
    running = Running(catalogue([many()]))
    running.go_on(NOW + MINUTE, {("East", "web"): {"order.count": 6}})
    gone = transitions(running.change(catalogue([])))
    assert [(move.previous, move.tier) for move in gone] == [("red", "yellow"), ("yellow", "none")]
    assert [move.seq for move in gone] == [2, 3]


def test_tier_of_one_grouping_is_removed_and_the_other_stays() -> None:
    running = Running(catalogue([many(scopes=[[], ["region"]])]))
    assert [scope for _, scope, _, _ in told(running.outcomes)] == ["", "East"]
    assert [scope for _, scope, _, _ in told(running.change(catalogue([many(scopes=[[]])])))] == ["East"]
    assert list(running.fold.tiers()) == [("many", {}, "yellow", NOW)]


def test_grouping_that_no_kpi_and_no_rule_names_any_more_is_removed_too() -> None:
    running = Running(catalogue([many(scopes=[["channel"]])]))
    assert told(running.outcomes) == [("many", "web", "yellow", NOW)]
    assert told(running.change(catalogue([many()]))) == [("many", "web", "none", NOW)]


def test_rule_that_a_catalogue_adds_judges_what_is_there_at_once() -> None:
    running = Running(catalogue([]))
    assert told(running.change(catalogue([many()]))) == []
    later = running.go_on(NOW + MINUTE, {("East", "shop"): {"order.count": 0, "order.sum.amount": 1}})
    assert told(later) == [("many", "East", "yellow", NOW + MINUTE)]


QUIET = {"quiet": {"after": "3h", "tier": "orange"}}


def test_scope_stays_quiet_when_its_rule_stays_so() -> None:
    running = Running(catalogue([many(**QUIET)]))
    outcomes = running.go_on(T + 5 * HOUR)
    assert told(outcomes)[-1] == ("many", "East", "orange", NOW + 3 * HOUR)
    assert told(running.change(catalogue([many(**QUIET, hint=["channel"])]))) == []
    assert [entry[2] for entry in running.fold.tiers()] == ["orange"]
    heard = running.go_on(T + 6 * HOUR, {("East", "web"): {"order.count": 1}})
    assert [move.cause for move in transitions(heard)] == ["heard", "heard"]


def test_scope_that_is_quiet_is_let_go_when_quiet_is_taken_out_of_its_rule() -> None:
    ladder = {"yellow": rung(4, 3), "orange": rung(8, 7)}
    running = Running(catalogue([many(**QUIET, ladder=ladder)]))
    running.go_on(T + 5 * HOUR)
    gone = transitions(running.change(catalogue([many(ladder=ladder)])))
    assert [(move.previous, move.tier, move.cause) for move in gone] == [
        ("orange", "yellow", "removed"),
        ("yellow", "none", "removed"),
    ]


def test_silence_of_a_scope_that_the_rule_no_longer_names_is_forgotten() -> None:
    running = Running(catalogue([many(**QUIET, scopes=[["region"], ["channel"]])]))
    running.go_on(T + HOUR + MINUTE)
    running.change(catalogue([many(**QUIET, scopes=[["channel"]])]))
    assert {scope for _, scope, _, _ in told(running.go_on(T + 5 * HOUR))} == {"web"}


def test_value_that_a_new_catalogue_expects_is_quiet_after_its_time_from_the_change() -> None:
    running = Running(catalogue([many(**QUIET)]))
    expecting = [{"id": "region", "expected": ["North"]}, {"id": "channel"}]
    running.change(catalogue([many(**QUIET)], dimensions=expecting))
    north = [end for _, scope, _, end in told(running.go_on(T + 5 * HOUR)) if scope == "North"]
    assert north == [NOW + 3 * HOUR] * 2


def test_content_is_merged_when_a_dimension_is_dropped() -> None:
    running = Running(catalogue([]))
    running.go_on(NOW + MINUTE, {("East", "shop"): {"order.count": 2}, ("West", "web"): {"order.count": 4}})
    running.change(catalogue([], dimensions=[{"id": "region"}]))
    found = figures(running.go_on(NOW + 2 * MINUTE, {("East",): {"order.count": 10}}))
    assert found["orders", "1h", "East", NOW + 2 * MINUTE] == 17
    assert found["orders", "1h", "", NOW + 2 * MINUTE] == 21


def test_smallest_and_largest_go_over_too() -> None:
    running = Running(catalogue([]))
    running.go_on(NOW + MINUTE, {("East", "web"): {"order.max.delay": 7000}})
    running.change(catalogue([], dimensions=[{"id": "region"}]))
    found = figures(running.go_on(NOW + 2 * MINUTE, {("East",): {"order.max.delay": 3000}}))
    assert found["slowest", "1h", "East", NOW + 2 * MINUTE] == 7


def test_measure_that_is_added_is_complete_from_the_change_on() -> None:
    #        T  NOW                NOW+1h
    #  ──────●──|──────────────────|──     the hour is full of the new measure only from here on
    running = Running(catalogue([], [kpi("orders")]))
    low = {"kpi": "revenue", "expect": constant(0), "ladder": {"red": rung(3, 2)}}
    running.change(catalogue([many(**low)]))
    early = running.go_on(NOW + 30 * MINUTE, {("East", "web"): {"order.sum.amount": 500}})
    assert figures(early)["revenue", "1h", "East", NOW + 30 * MINUTE] == 5
    assert told(early) == []
    assert ("many", "warming_up", 1) in list(running.fold.verdicts_now())
    full = running.go_on(NOW + HOUR, {("East", "web"): {"order.sum.amount": 100}})
    assert told(full) == [("many", "East", "red", NOW + HOUR)]


def test_measure_that_is_dropped_is_left_out_of_figures() -> None:
    running = Running(catalogue([]))
    running.change(catalogue([], [kpi("orders")]))
    found = figures(running.go_on(NOW + MINUTE, {("East", "web"): {"order.count": 1}}))
    assert {name for name, *_ in found} == {"orders"}
    assert found["orders", "1h", "East", NOW + MINUTE] == 6


def test_values_that_were_admitted_stay_apart_when_the_limit_is_lowered() -> None:
    running = Running(catalogue([]))
    running.go_on(NOW + MINUTE, {("West", "web"): {"order.count": 1}})
    running.change(catalogue([], dimensions=[{"id": "region", "limit": 1}, {"id": "channel"}]))
    cells = {("West", "web"): {"order.count": 1}, ("North", "web"): {"order.count": 3}}
    found = figures(running.go_on(NOW + 2 * MINUTE, cells))
    assert found["orders", "1h", "West", NOW + 2 * MINUTE] == 2
    assert found["orders", "1h", "other", NOW + 2 * MINUTE] == 3


def test_catalogue_that_changes_before_time_began_tells_nothing() -> None:
    log = CellsLog(catalogue([many()]))
    log.add({("East", "web"): {"order.count": 5}}, T)
    fold = Evaluation("test")
    run(log.records, fold)
    before = len(log.records)
    log.put(CatalogueRecord(catalogue=catalogue([])).model_dump_json(by_alias=True).encode())
    log.reach(NOW)
    outcomes = run(log.records[before:], fold)
    assert told(outcomes) == []
    assert figures(outcomes)["orders", "1h", "East", NOW] == 5


def test_first_catalogue_that_cannot_be_read_leaves_none_in_force() -> None:
    wrong = {"orders": {"event": "order", "sum": "colour"}}
    record = CatalogueRecord(catalogue=catalogue([], [kpi("orders", measures=wrong)]))
    fold = Evaluation("test")
    (outcome,) = run([(0, 0, record.model_dump_json(by_alias=True).encode())], fold)
    assert (outcome.end_ms, len(outcome.problems), fold.catalogue) == (0, 1, None)


@pytest.mark.parametrize("dimensions", [[{"id": "region"}], None], ids=["dimension dropped", "same"])
def test_what_went_over_is_found_again_after_a_restart(dimensions: list[dict[str, Any]] | None) -> None:
    #  T          NOW  change   restart     day end
    #  ●──────────|────●────────●───────────|──●     rows of the minute, hour and day come from both sides
    running = Running(catalogue([many(**QUIET)]))
    running.change(catalogue([many(**QUIET), rule("day", window="day")], dimensions=dimensions))
    running.go_on(NOW + HOUR)
    rows, commit = running.fold.commit()
    heir = restart([*rows, commit])
    leaf = ("East",) if dimensions else ("East", "web")
    begin = len(running.log.records)
    running.log.add({leaf: {"order.count": 3}}, MONDAY + DAY)
    running.log.reach(MONDAY + 2 * DAY + HOUR)
    rest = running.log.records[begin:]
    ours, theirs = run(rest, running.fold), run(rest, heir)
    assert figures(theirs) == figures(ours)
    assert told(theirs) == told(ours)
    assert list(heir.tiers()) == list(running.fold.tiers())
