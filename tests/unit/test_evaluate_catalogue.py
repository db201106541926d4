"""What happens to figures and tiers when the catalogue changes."""

from typing import Any

import pytest

from schemas.catalogue import Catalogue
from schemas.records import CatalogueRecord, LayoutRecord, Transition
from streams.cells.layout import layout_of
from streams.engine.evaluate import Evaluation
from tests.evaluate_builders import (
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    constant,
    figures,
    kpi,
    page,
    restart,
    rule,
    run,
    rung,
)  # fmt: skip

T = MONDAY + 9 * HOUR
EAST, WEST = ("East", "web"), ("West", "web")
HIGH = rule(
    "high", compare="value", bad="above", window="5m", expect=constant(0),
    ladder={"yellow": rung(3, 2), "red": rung(5, 3)},
)  # fmt: skip


def red_in_the_east(before: Catalogue) -> tuple[CellsLog, Evaluation]:
    """A fold in which `high` is at red in the East, at T + 6m."""
    log, fold = CellsLog(before), Evaluation("a")
    for minute in range(6):
        log.add({EAST: {"order.count": 9}, WEST: {"order.count": int(minute == 0)}}, T + minute * MINUTE)
        log.reach(T + (minute + 1) * MINUTE)
    run(log.records, fold)
    assert [item[:3] for item in fold.tiers()] == [("high", {"region": "East"}, "red")]
    return log, fold


def change(log: CellsLog, fold: Evaluation, after: Catalogue) -> list[Transition]:
    """Let a catalogue come into force; what it tells."""
    log.put(CatalogueRecord(catalogue=after).model_dump_json(by_alias=True).encode())
    log.layout = layout_of(after)
    return [t for outcome in run(log.records[-1:], fold) for t in outcome.transitions]


def test_figures_and_tiers_go_on_under_a_new_catalogue() -> None:
    log, fold = red_in_the_east(catalogue([HIGH]))
    before = {figure for figure in fold.figures_now() if figure.kpi == "orders"}
    assert change(log, fold, catalogue([HIGH], [kpi("orders"), kpi("revenue", scopes=[["channel"]])])) == []
    assert {figure for figure in fold.figures_now() if figure.kpi == "orders"} == before
    found = {f.scope: f.value for f in fold.figures_now() if (f.kpi, f.window) == ("revenue", "day")}
    assert found == {(("channel", "web"),): 0.0}
    assert [item[:3] for item in fold.tiers()] == [("high", {"region": "East"}, "red")]


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{**HIGH, "window": "1h"}],
        [{**HIGH, "kpi": "revenue"}],
        [{**HIGH, "scopes": [["channel"]]}],
        [{**HIGH, "ladder": {"yellow": rung(3, 2)}}],
    ],
    ids=["gone", "other window", "other KPI", "other scopes", "without the tier"],
)
def test_a_tier_that_nobody_judges_any_more_is_removed(rules: list[dict[str, Any]]) -> None:
    log, fold = red_in_the_east(catalogue([HIGH]))
    found = change(log, fold, catalogue(rules))
    assert [(t.previous, t.tier, t.cause, t.end_ms) for t in found] == [
        ("red", "yellow", "removed", T + 6 * MINUTE),
        ("yellow", "none", "removed", T + 6 * MINUTE),
    ]
    assert [item for item in fold.tiers() if item[2] == "red"] == []


def test_a_rule_with_another_ladder_keeps_its_tier() -> None:
    log, fold = red_in_the_east(catalogue([HIGH]))
    gentler = {**HIGH, "ladder": {"blue": rung(1, 0), "red": rung(100, 50)}}
    assert change(log, fold, catalogue([gentler])) == []
    assert [item[2] for item in fold.tiers()] == ["red"]
    log.add({EAST: {"order.count": 1}}, T + 6 * MINUTE)
    log.reach(T + 7 * MINUTE)
    found = [t for outcome in run(log.records[-2:], fold) for t in outcome.transitions]
    assert [(t.previous, t.tier) for t in found if t.scope == {"region": "East"}] == [("red", "blue")]


def test_a_new_measure_is_warming_up_until_every_page_counts_it() -> None:
    #  old pages ────────●(T+8m)   new pages ●(T+7m) ●(T+9m) …      complete from T+9m
    log, fold = red_in_the_east(catalogue([HIGH], [kpi("orders")]))
    old = log.layout
    units = kpi(
        "units", unit="units", measures={"units": {"event": "order", "sum": "quantity"}}, value="units"
    )
    many = {**HIGH, "id": "many", "kpi": "units"}
    change(log, fold, catalogue([HIGH, many], [kpi("orders"), units]))
    for minute in range(6, 20):
        layout = old if minute in (6, 8) else log.layout
        cells = {EAST: {"order.count": 9} if layout is old else {"order.count": 9, "order.sum.quantity": 9}}
        log.stamp += 1
        log.put(page(layout, cells, T + minute * MINUTE, stamp=log.stamp))
        log.reach(T + (minute + 1) * MINUTE)
    found = [t for outcome in run(log.records[-28:], fold) for t in outcome.transitions if t.rule == "many"]
    assert (found[0].end_ms - T) // MINUTE == 9 + 5


def test_a_new_dimension_is_unknown_where_it_was_not_counted() -> None:
    log, fold = red_in_the_east(catalogue([HIGH]))
    wider = [{"id": "store"}, {"id": "region"}]
    change(log, fold, catalogue([HIGH], [kpi("orders", scopes=[["store"]])], wider))
    log.add({("S1", "East"): {"order.count": 1}}, T + 6 * MINUTE)
    log.reach(T + 7 * MINUTE)
    written = figures(run(log.records[-2:], fold))
    assert written["orders", "day", "S1", T + 7 * MINUTE] == 1.0
    now = {f.scope: f.value for f in fold.figures_now() if (f.kpi, f.window) == ("orders", "day")}
    assert now[("store", "unknown"),] == 55.0


def test_a_layout_may_be_declared_by_its_own_record() -> None:
    found = catalogue([HIGH])
    log, fold = CellsLog(found), Evaluation("a")
    layout = layout_of(catalogue([HIGH], [kpi("orders")]))
    record = LayoutRecord(id=layout.id, measures=list(layout.keys), dimensions=list(layout.dimensions))
    log.put(record.model_dump_json().encode())
    log.put(page(layout, {EAST: {"order.count": 4}}, T, stamp=1))
    log.reach(T + MINUTE)
    assert figures(run(log.records, fold))["orders", "day", "East", T + MINUTE] == 4.0


def test_a_catalogue_that_cannot_be_laid_out_leaves_the_old_one_in_force() -> None:
    log, fold = red_in_the_east(catalogue([HIGH]))
    wrong = kpi("orders", measures={"n": {"event": "order", "sum": "nothing"}}, value="n")
    log.put(CatalogueRecord(catalogue=catalogue([HIGH], [wrong])).model_dump_json(by_alias=True).encode())
    problems = [problem for outcome in run(log.records[-1:], fold) for problem in outcome.problems]
    assert [problem.kind for problem in problems] == ["catalogue"]
    assert fold.catalogue == catalogue([HIGH])


def test_quiet_clocks_go_on_under_a_new_catalogue() -> None:
    quiet = {**HIGH, "quiet": {"after": "30m", "tier": "yellow"}}
    log, fold = red_in_the_east(catalogue([quiet]))
    change(log, fold, catalogue([quiet, rule("more")]))
    log.reach(T + HOUR)
    found = [t for outcome in run(log.records[-1:], fold) for t in outcome.transitions if t.cause == "quiet"]
    assert {(t.scope["region"], (t.end_ms - T) // MINUTE) for t in found} == {("East", 36), ("West", 31)}


def test_a_new_catalogue_before_any_content_is_simply_the_catalogue() -> None:
    log, fold = CellsLog(catalogue([HIGH])), Evaluation("a")
    run(log.records, fold)
    assert change(log, fold, catalogue([])) == []
    assert fold.catalogue == catalogue([])


def test_a_new_catalogue_in_a_silence_changes_nothing() -> None:
    log, fold = CellsLog(catalogue([HIGH])), Evaluation("a")
    log.reach(T)
    run(log.records, fold)
    assert fold.frontier_ms == T
    assert change(log, fold, catalogue([])) == []


def test_a_quiet_rule_forgets_the_scopes_it_no_longer_names() -> None:
    calm = {"ladder": {"red": rung(500, 3)}, "quiet": {"after": "30m", "tier": "yellow"}}
    quiet = {**HIGH, **calm, "id": "quiet", "scopes": [["region"], ["channel"]]}
    log, fold = red_in_the_east(catalogue([HIGH, quiet]))
    log.add({EAST: {"order.count": 1}}, T + 6 * MINUTE)
    log.reach(T + 7 * MINUTE)
    run(log.records[-2:], fold)
    change(log, fold, catalogue([{**quiet, "scopes": [["channel"]]}]))
    log.reach(T + HOUR)
    found = [t for outcome in run(log.records[-1:], fold) for t in outcome.transitions]
    assert [(t.scope, t.cause, (t.end_ms - T) // MINUTE) for t in found] == [
        ({"channel": "web"}, "quiet", 37)
    ]


def test_a_page_may_count_what_no_catalogue_names() -> None:
    least = kpi("least", unit="CNY", measures={"n": {"event": "order", "min": "amount"}}, value="n")
    richer = layout_of(catalogue([], [kpi("orders"), least]))
    log, fold = CellsLog(catalogue([], [kpi("orders")])), Evaluation("a")
    record = LayoutRecord(id=richer.id, measures=list(richer.keys), dimensions=list(richer.dimensions))
    log.put(record.model_dump_json().encode())
    log.put(page(richer, {EAST: {"order.count": 4}}, T, stamp=1))
    log.reach(T + MINUTE)
    assert figures(run(log.records, fold))["orders", "day", "East", T + MINUTE] == 4.0


def test_what_a_catalogue_let_go_is_not_missed_after_a_restart() -> None:
    log, fold = red_in_the_east(catalogue([HIGH]))
    changelog = commit(fold)
    change(log, fold, catalogue([], [kpi("orders", scopes=[["store"]])], [{"id": "store"}]))
    changelog += commit(fold)
    heir = restart(changelog)
    assert list(heir.figures_now()) == list(fold.figures_now()) != []
    assert list(heir.tiers()) == []


def commit(fold: Evaluation) -> list[tuple[bytes, bytes | None]]:
    """What a commit writes."""
    rows, commit_row = fold.commit()
    return [*rows, commit_row, *fold.confirmed()]
