"""A pane end at which nothing but late content of closed periods becomes known."""

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
