"""A pane end at which nothing but late content of closed periods becomes known."""

import pytest

from schemas.records import CatalogueRecord, ClosedPeriod, Rewrite
from streams.engine.evaluate import Evaluation
from tests.evaluate_builders import DAY, HOUR, MINUTE, MONDAY, CellsLog, catalogue, figures, kpi, run

T = MONDAY + 9 * HOUR


def test_late_content_of_a_closed_period_alone_is_written_and_sets_nothing_aside() -> None:
    #  May │ ● known at T+1m           June │ T ●   ● T+2m
    log = CellsLog(catalogue([]))
    log.add({("East", "web"): {"order.count": 1}}, T)
    log.reach(T + MINUTE)
    log.add({("East", "web"): {"order.count": 5}}, MONDAY - 12 * DAY, known=T + MINUTE, grain="d")
    log.reach(T + 2 * MINUTE)
    log.add({("East", "web"): {"order.count": 1}}, T + 2 * MINUTE)
    log.reach(T + 3 * MINUTE)
    outcomes = run(log.records)
    assert [problem for outcome in outcomes for problem in outcome.problems] == []
    written = figures(outcomes)
    assert written["orders", "month", "East", MONDAY] == 5
    assert written["orders", "month", "East", T + 3 * MINUTE] == 2


def test_a_closed_day_that_late_content_alone_fills_is_followed_by_an_empty_one() -> None:
    #  Sunday │ ● known at T+1m        Monday │ nothing of North, and Sunday's must not stand for it
    log = CellsLog(catalogue([]))
    log.add({("East", "web"): {"order.count": 1}}, T)
    log.reach(T + MINUTE)
    log.add({("North", "web"): {"order.count": 5}}, MONDAY - 9 * HOUR, known=T + MINUTE, grain="h")
    log.reach(T + 2 * MINUTE)
    written = figures(run(log.records))
    days = {end: value for (kpi, window, scope, end), value in written.items()
            if (kpi, window, scope) == ("orders", "day", "North")}  # fmt: skip
    assert days == {MONDAY: 5, MONDAY + MINUTE: 0}


def test_late_content_of_a_closed_day_leaves_the_day_after_as_it_was() -> None:
    #  Sunday │ ● known at T+1m        Monday │● of the first minute
    log = CellsLog(catalogue([]))
    log.add({("East", "web"): {"order.count": 1}}, MONDAY)
    log.reach(T + MINUTE)
    log.add({("East", "web"): {"order.count": 5}}, MONDAY - 9 * HOUR, known=T + MINUTE, grain="h")
    log.reach(T + 2 * MINUTE)
    written = figures(run(log.records))
    assert written["orders", "day", "East", MONDAY] == 5
    assert written["orders", "day", "East", MONDAY + MINUTE] == 1


Asked = tuple[str, int, dict[str, str]]


def _asks(*periods: Asked, kpi: str = "orders") -> bytes:
    asked = [ClosedPeriod(kpi=kpi, window=window, end_ms=end, scope=scope) for window, end, scope in periods]
    return Rewrite(periods=asked).model_dump_json().encode()


def _corrected() -> CellsLog:
    """Sunday held 1 order from East and got 5 more, and 2 from West, on Monday."""
    log = CellsLog(catalogue([]))
    log.add({("East", "web"): {"order.count": 1}}, MONDAY - 9 * HOUR)
    log.reach(T + MINUTE)
    more = {("East", "web"): {"order.count": 5}, ("West", "web"): {"order.count": 2}}
    log.add(more, MONDAY - 9 * HOUR, known=T + MINUTE, grain="h")
    log.reach(T + 2 * MINUTE)
    return log


def _written_again(*periods: Asked, kpi: str = "orders") -> dict[tuple[str, str], float]:
    """(window, scope) → what a request alone leads to, all at the end of Sunday."""
    log, fold = _corrected(), Evaluation("test")
    run(log.records, fold)
    log.put(_asks(*periods, kpi=kpi))
    written = figures(run(log.records[-1:], fold))
    assert {(name, end) for name, _, _, end in written} <= {(kpi, MONDAY)}
    return {(window, scope): value for (_, window, scope, _), value in written.items()}


def test_a_closed_day_is_written_again_as_it_stands_for_the_scopes_that_are_named() -> None:
    assert _written_again(("day", MONDAY, {"region": "East"})) == {("day", "East"): 6}
    both = ("day", MONDAY, {}), ("day", MONDAY, {"region": "West"}), ("week", MONDAY, {"region": "West"})
    assert _written_again(*both) == {("day", ""): 8, ("day", "West"): 2, ("week", "West"): 2}


def test_a_scope_that_nobody_knows_stands_for_all() -> None:
    everything = {("day", ""): 8, ("day", "East"): 6, ("day", "West"): 2}
    unknown: list[dict[str, str]] = [{"region": "Ea·st~7e18f7"}, {"channel": "web"}, {"colour": "red"}]
    for scope in unknown:
        assert _written_again(("day", MONDAY, scope)) == everything
    both = ("day", MONDAY, unknown[0]), ("day", MONDAY, {"region": "West"})
    assert _written_again(*both) == everything


def test_what_is_not_the_end_of_a_closed_period_is_not_written_again() -> None:
    not_closed = ("day", MONDAY + DAY, {}), ("month", MONDAY + 30 * DAY, {})
    no_end = ("day", MONDAY - MINUTE, {}), ("week", MONDAY - DAY, {})
    other = ("24h", MONDAY, {}), ("fortnight", MONDAY, {}), ("day", MONDAY - 4000 * DAY, {})
    assert _written_again(*not_closed, *no_end, *other) == {}
    assert _written_again(("day", MONDAY, {}), kpi="gone") == {}


def test_a_request_before_there_is_a_catalogue_asks_for_nothing() -> None:
    assert run([(0, MONDAY, _asks(("day", MONDAY, {})))]) == []


def _with_where() -> CatalogueRecord:
    """The same KPI over a measure that nothing has counted yet."""
    only = {"orders": {"event": "order", "count": True, "where": {"channel": ["web"]}}}
    return CatalogueRecord(catalogue=catalogue([], [kpi("orders", measures=only)]))


def test_what_a_later_measure_knows_too_little_of_is_left_as_it_was_written() -> None:
    log, fold = _corrected(), Evaluation("test")
    run(log.records, fold)
    log.put(_with_where().model_dump_json(by_alias=True).encode())
    log.put(_asks(("day", MONDAY, {})))
    log.add({("East", "web"): {"order.count": 3}}, MONDAY - 9 * HOUR, known=T + 2 * MINUTE, grain="h")
    log.reach(T + 3 * MINUTE)
    written = figures(run(log.records[-4:], fold))
    assert ("orders", "day", "", MONDAY) not in written


def test_much_that_is_written_again_comes_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.evaluate.reckoning.PART", 2)
    log, fold = _corrected(), Evaluation("test")
    run(log.records, fold)
    asked = [("day", MONDAY, {}), ("day", MONDAY, {"region": "East"}), ("week", MONDAY, {})]
    log.put(_asks(*asked))
    fold.fold(*log.records[-1])
    steps = list(fold.steps())
    assert [len(one.figures) for one in steps if one is not None and len(one.figures)] == [2, 1]
    assert None in steps


def test_no_time_passes_with_a_request() -> None:
    """After all were silent and one begins again, panes wait two seconds: a request does not end the wait."""
    log, fold = _corrected(), Evaluation("test")
    log.reach(T + 2 * MINUTE, idle=True)
    log.reach(T + 2 * MINUTE, opened=True)
    log.reach(T + 5 * MINUTE)
    run(log.records, fold)
    assert fold.frontier_ms == T + 2 * MINUTE
    log.timestamp += 3_000
    log.put(_asks(("day", MONDAY, {})))
    assert len(figures(run(log.records[-1:], fold))) == 1
    assert fold.frontier_ms == T + 2 * MINUTE
    log.reach(T + 5 * MINUTE)
    run(log.records[-1:], fold)
    assert fold.frontier_ms == T + 5 * MINUTE
