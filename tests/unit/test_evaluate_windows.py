"""What enters and leaves windows, at the edges; figures at the ends of periods; late content; dimension
limits.
"""

from streams.engine.evaluate import Evaluation
from tests.evaluate_builders import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    figures,
    kpi,
    ledger,
    page,
    run,
)  # fmt: skip

T = MONDAY + 9 * HOUR
EAST, WEST = ("East", "web"), ("West", "web")
ONE = {EAST: {"order.count": 1}}


def at(
    written: dict[tuple[str, str, str, int], float], window: str, kpi_name: str = "orders"
) -> list[tuple[int, float]]:
    """(minutes after T, value) of the company's figures of one window."""
    return [
        ((end - T) // MINUTE, v)
        for (k, w, s, end), v in written.items()
        if (k, w, s) == (kpi_name, window, "")
    ]


def test_a_minute_is_in_a_rolling_window_for_its_length() -> None:
    #  pane   [0,1)
    #  5m     T+1 ●━━━━━━━━━━━● T+5    out at T+6
    #  1h     T+1 ●━━━━━━━━━━━━━━━━━━━━━━━━━━ … ● T+60    out at T+61
    log = CellsLog(catalogue())
    log.add(ONE, T)
    log.reach(T + 3 * HOUR)
    written = figures(run(log.records))
    assert at(written, "5m") == [(1, 1.0), (6, 0.0)]
    assert at(written, "1h") == [(1, 1.0), (61, 0.0)]


def test_the_far_edge_of_a_day_moves_by_the_hour() -> None:
    #  pane 09:30, in hour 09: leaves `24h` at 10:00 of the next day, with its hour
    log = CellsLog(catalogue())
    log.add(ONE, T + 30 * MINUTE)
    log.reach(T + 2 * DAY)
    assert at(figures(run(log.records)), "24h") == [(31, 1.0), (24 * 60 + 60, 0.0)]


def test_a_calendar_window_is_written_whole_at_its_end_and_empty_after_it() -> None:
    #  09:00 ●━━━━━━━━━━━ 24:00 ●   00:01 ○
    log = CellsLog(catalogue())
    log.add(ONE, T)
    log.reach(T + 2 * DAY)
    assert at(figures(run(log.records)), "day") == [(1, 1.0), (15 * 60, 1.0), (15 * 60 + 1, 0.0)]


def test_a_closed_day_that_gets_late_content_is_written_again_at_its_own_end() -> None:
    #  Monday 09:00 ●          Tuesday 10:00 ● a second order of Monday 08:00 becomes known
    log = CellsLog(catalogue())
    log.add(ONE, T)
    log.reach(T + DAY)
    first = run(log.records)
    log.add({EAST: {"order.count": 2}}, T - HOUR, grain="h", known=T + DAY + HOUR)
    log.reach(T + DAY + 2 * HOUR)
    whole = run(log.records)
    midnight = (15 * 60, 1.0)
    assert midnight in at(figures(first), "day")
    assert (15 * 60, 3.0) in at(figures(whole), "day")
    again = [o for o in whole for f in o.figures if f.end_ms < o.end_ms]
    assert {outcome.end_ms for outcome in again} == {T + DAY + HOUR + MINUTE}


def test_late_content_enters_the_windows_that_hold_its_pane() -> None:
    log = CellsLog(catalogue())
    log.add(ONE, T)
    log.add({EAST: {"order.count": 10}}, T, known=T + 30 * MINUTE)
    log.add({EAST: {"order.count": 100}}, T - 3 * HOUR, grain="h", known=T + 30 * MINUTE)
    log.reach(T + 40 * MINUTE)
    written = figures(run(log.records))
    assert at(written, "5m") == [(1, 1.0), (6, 0.0)]
    assert at(written, "1h") == [(1, 1.0), (31, 11.0)]
    assert at(written, "24h") == [(1, 1.0), (31, 111.0)]


def test_money_is_exact_and_rounded_half_even_to_the_cent() -> None:
    average = kpi("average", unit="CNY", measures={
        "gross": {"event": "order", "sum": "amount"}, "orders": {"event": "order", "count": True},
    }, value="gross / orders")  # fmt: skip
    found = catalogue(kpis=[kpi("revenue"), average])
    log = CellsLog(found)
    log.add({EAST: {"order.sum.amount": 1025, "order.count": 2}, WEST: {"refund.sum.amount": 1}}, T)
    log.reach(T + MINUTE)
    written = figures(run(log.records))
    assert written["revenue", "5m", "", T + MINUTE] == 10.24
    assert written["average", "5m", "East", T + MINUTE] == 5.12
    assert ("average", "5m", "West", T + MINUTE) not in written


def test_a_largest_is_found_again_when_it_leaves() -> None:
    log = CellsLog(catalogue())
    for minute, delay in ((0, 9000), (2, 5000), (3, 7000)):
        log.add({EAST: {"order.max.delay": delay}}, T + minute * MINUTE)
    log.reach(T + HOUR)
    assert at(figures(run(log.records)), "5m", "slowest") == [
        (1, 9.0),
        (3, 9.0),
        (4, 9.0),
        (6, 7.0),
        (8, 7.0),
    ]


def test_the_same_sum_is_in_every_level() -> None:
    log = CellsLog(catalogue())
    log.add({EAST: {"order.count": 3}, ("East", "shop"): {"order.count": 4}, WEST: {"order.count": 5}}, T)
    log.reach(T + MINUTE)
    written = figures(run(log.records))
    found = {scope: written["orders", "5m", scope, T + MINUTE] for scope in ("", "East", "West")}
    assert found == {"": 12.0, "East": 7.0, "West": 5.0}


def test_values_beyond_the_limit_are_counted_together() -> None:
    narrow = catalogue(dimensions=[{"id": "region", "limit": 2}, {"id": "channel"}])
    log = CellsLog(narrow)
    log.add({(name, "web"): {"order.count": 1} for name in ("d", "b", "unknown")}, T)
    log.reach(T + MINUTE)
    log.add({(name, "web"): {"order.count": 1} for name in ("a", "b", "c")}, T + MINUTE)
    log.reach(T + 2 * MINUTE)
    written = figures(run(log.records))
    found = {
        s: v for (k, w, s, end), v in written.items() if (k, w, end) == ("orders", "day", T + 2 * MINUTE)
    }
    assert found == {"": 6.0, "b": 2.0, "other": 2.0}
    assert written["orders", "day", "d", T + MINUTE] == 1.0


def test_a_page_that_comes_again_or_older_changes_nothing() -> None:
    log = CellsLog(catalogue())
    log.put(page(log.layout, {EAST: {"order.count": 7}}, T, stamp=9))
    log.put(page(log.layout, {EAST: {"order.count": 3}}, T, stamp=4))
    log.put(ledger(T + MINUTE, stamp=9))
    log.put(page(log.layout, {EAST: {"order.count": 8}}, T, stamp=9))
    log.put(ledger(T + 2 * MINUTE, stamp=10))
    assert at(figures(run(log.records)), "day") == [(1, 7.0)]


def test_a_partition_that_comes_back_behind_time_is_counted_in_the_open_pane() -> None:
    #  0  ●──────────────────●───●        T, T+10m, T+11m
    #  1  ●·····idle·········●            one more order of T, after the others were at T+10m
    log = CellsLog(catalogue(), partitions=2)
    one, other = ("sales", 0), ("sales", 1)
    log.put(page(log.layout, ONE, T, stamp=1, source=one))
    log.put(page(log.layout, ONE, T, stamp=1, source=other))
    log.put(ledger(T + 30_000, stamp=1, source=other, idle=True))
    log.put(ledger(T + 10 * MINUTE, stamp=2, source=one))
    log.put(ledger(T + 30_000, stamp=1, source=other))
    log.put(page(log.layout, {EAST: {"order.count": 5}}, T, stamp=2, source=other))
    log.put(ledger(T + 11 * MINUTE, stamp=3, source=one))
    log.put(ledger(T + 11 * MINUTE, stamp=3, source=other))
    assert at(figures(run(log.records)), "day") == [(1, 2.0), (11, 6.0)]


def test_silence_costs_nothing() -> None:
    log = CellsLog(catalogue())
    log.add(ONE, T)
    log.reach(T + 300 * DAY)
    ends = [outcome.end_ms for outcome in run(log.records)]
    assert len(ends) < 20
    assert ends == sorted(set(ends))


def test_figures_can_be_asked_for_in_between() -> None:
    log = CellsLog(catalogue())
    fold = Evaluation("a")
    assert list(fold.figures_now()) == []
    log.add({EAST: {"order.count": 3}}, T)
    log.reach(T + MINUTE)
    run(log.records, fold)
    now = {
        (figure.window, figure.level, figure.scope): figure.value
        for figure in fold.figures_now()
        if figure.kpi == "orders"
    }
    assert now["week", "region", (("region", "East"),)] == 3.0
    assert {window for window, _, _ in now} == {"5m", "1h", "24h", "7d", "day", "week", "month"}


def test_many_leaves_that_become_known_together_sum_the_same_in_every_level() -> None:
    wide = catalogue(dimensions=[{"id": "region", "limit": 9999}, {"id": "channel"}])
    log = CellsLog(wide)
    for number in range(4):
        cells = {
            (f"r{leaf:04}", f"c{leaf % 3}"): {"order.count": 1}
            for leaf in range(number * 250, number * 250 + 250)
        }
        log.add(cells, T, number=number)
    log.reach(T + MINUTE)
    written = figures(run(log.records))
    assert written["orders", "5m", "", T + MINUTE] == 1000.0
    assert sum(v for (k, w, s, _), v in written.items() if (k, w) == ("orders", "5m") and s) == 1000.0


def test_figures_that_are_many_come_in_parts() -> None:
    wide = catalogue(
        kpis=[kpi(f"k{n}", **{**kpi("orders"), "id": f"k{n}"}) for n in range(30)],
        dimensions=[{"id": "region", "limit": 9999}, {"id": "channel"}],
    )
    log = CellsLog(wide)
    for number in range(4):
        cells = {
            (f"r{leaf:04}", "web"): {"order.count": 1} for leaf in range(number * 250, number * 250 + 250)
        }
        log.add(cells, T, number=number)
    log.reach(T + MINUTE)
    parts = [len(outcome.figures) for outcome in run(log.records) if outcome.figures]
    assert sum(parts) == 30 * 7 * 1001
    assert max(parts) < 110_000
    assert len(parts) > 1


def test_a_figure_is_read_by_its_place() -> None:
    log = CellsLog(catalogue())
    log.add(ONE, T)
    log.reach(T + MINUTE)
    listed = run(log.records)[-1].figures
    assert listed[0] == next(iter(listed))
    assert listed[:2] == list(listed)[:2]


def test_content_that_is_older_than_what_is_kept_is_in_no_figure() -> None:
    log = CellsLog(catalogue(keep_days="20d"))
    log.add(ONE, T)
    log.reach(T + 30 * DAY)
    log.add(ONE, MONDAY, grain="d", known=T + 30 * DAY)
    log.reach(T + 30 * DAY + MINUTE)
    assert {f.end_ms for o in run(log.records) for f in o.figures if o.end_ms > T + 30 * DAY} == set()
