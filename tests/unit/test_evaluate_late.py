"""A pane end at which nothing but late content of closed periods becomes known."""

from schemas.records import ClosedPeriod, Rewrite
from streams.engine.evaluate import Evaluation
from tests.evaluate_builders import DAY, HOUR, MINUTE, MONDAY, CellsLog, catalogue, figures, run

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


def _asks(*periods: tuple[str, int, dict[str, str] | None]) -> bytes:
    asked = [ClosedPeriod(window=window, end_ms=end, scope=scope) for window, end, scope in periods]
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


def _written_again(*periods: tuple[str, int, dict[str, str] | None]) -> dict[tuple[str, str], float]:
    """(window, scope) → orders that a request alone leads to, all at the end of Sunday."""
    log, fold = _corrected(), Evaluation("test")
    run(log.records, fold)
    log.put(_asks(*periods))
    written = figures(run(log.records[-1:], fold))
    assert {end for *_, end in written} <= {MONDAY}
    return {(window, scope): value for (kpi, window, scope, _), value in written.items() if kpi == "orders"}


def test_a_closed_day_is_written_again_as_it_stands_for_the_scopes_that_are_named() -> None:
    assert _written_again(("day", MONDAY, {"region": "East"})) == {("day", "East"): 6}
    both = ("day", MONDAY, {}), ("day", MONDAY, {"region": "West"}), ("week", MONDAY, {"region": "West"})
    assert _written_again(*both) == {("day", ""): 8, ("day", "West"): 2, ("week", "West"): 2}


def test_a_scope_that_nobody_knows_stands_for_all() -> None:
    everything = {("day", ""): 8, ("day", "East"): 6, ("day", "West"): 2}
    for scope in (None, {"region": "Ea·st~7e18f7"}, {"channel": "web"}, {"colour": "red"}):
        assert _written_again(("day", MONDAY, scope)) == everything
    assert _written_again(("day", MONDAY, None), ("day", MONDAY, {"region": "West"})) == everything


def test_what_is_not_the_end_of_a_closed_period_is_not_written_again() -> None:
    not_closed = ("day", MONDAY + DAY, None), ("month", MONDAY + 30 * DAY, None)
    no_end = ("day", MONDAY - MINUTE, None), ("week", MONDAY - DAY, None)
    other = ("24h", MONDAY, None), ("fortnight", MONDAY, None), ("day", MONDAY - 4000 * DAY, None)
    assert _written_again(*not_closed, *no_end, *other) == {}


def test_a_request_before_there_is_a_catalogue_asks_for_nothing() -> None:
    assert run([(0, MONDAY, _asks(("day", MONDAY, None)))]) == []
