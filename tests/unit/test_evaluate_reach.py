"""Sums that 64 bits cannot hold: what reads them is set aside by name, the rest goes on, nothing is wrong."""

import pytest

from streams.engine.evaluate import Evaluation, Outcome
from tests.evaluate_builders import (
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
)
from tests.unit.test_evaluate_succession import Running

T = MONDAY + 9 * HOUR
BOOK = catalogue(
    [
        rule("few"),
        rule("dear", kpi="revenue", minimum={"measure": "gross", "value": 1}),
        rule("sold", minimum={"measure": "revenue", "value": 1}),
    ]
)


def aside(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [problem[:2] for outcome in outcomes for problem in outcome.problems]


@pytest.mark.parametrize("amount", [2**63, -(2**70), 2**63 - 1, 2**57])
def test_page_beyond_64_bits_sets_aside_what_reads_it_and_the_rest_goes_on(amount: int) -> None:
    log, fold = CellsLog(BOOK), Evaluation("test")
    log.add({("East", "web"): {"order.count": 3, "order.sum.amount": amount}}, T)
    log.reach(T + MINUTE)
    outcomes = run(log.records, fold)
    assert aside(outcomes) == [("rule", "dear"), ("rule", "sold"), ("kpi", "revenue")]
    assert "too large to be exact" in outcomes[-1].problems[0].text
    found = figures(outcomes)
    assert found["orders", "1h", "East", T + MINUTE] == 3
    assert {name for name, *_ in found} == {"orders"}


def test_largest_that_64_bits_cannot_hold_is_no_figure() -> None:
    log = CellsLog(BOOK)
    log.add({("East", "web"): {"order.count": 1, "order.max.delay": 2**64}}, T)
    log.reach(T + MINUTE)
    outcomes = run(log.records)
    assert aside(outcomes) == [("kpi", "slowest")]
    assert {name for name, *_ in figures(outcomes)} == {"orders", "revenue"}


@pytest.mark.parametrize("restarts", [False, True], ids=["living on", "restarted"])
def test_sums_of_sums_are_exact_until_they_are_set_aside(restarts: bool) -> None:
    #  2^55 a minute: after 128 minutes the day would be 2^62, after 256 beyond 64 bits
    log, fold, sums = CellsLog(BOOK), Evaluation("test"), {}
    outcomes: list[Outcome] = []
    stored: list[tuple[bytes, bytes | None]] = []
    for minute in range(300):
        begin = len(log.records) if minute else 0
        log.add({("East", "web"): {"order.count": 1, "order.sum.amount": 2**55}}, T + minute * MINUTE)
        log.reach(T + (minute + 1) * MINUTE)
        outcomes += run(log.records[begin:], fold)
        if restarts and minute in (100, 200):
            rows, commit = fold.commit()
            stored += [*rows, commit]
            fold = restart(stored)
        sums[T + (minute + 1) * MINUTE] = (minute + 1) * 2.0**55 / 100
    found = {end: value for (name, window, scope, end), value in figures(outcomes).items()
             if (name, window, scope) == ("revenue", "day", "East")}  # fmt: skip
    assert found == {end: sums[end] for end in list(sums)[:127]}
    assert aside(outcomes)[-3:] == [("rule", "dear"), ("rule", "sold"), ("kpi", "revenue")]
    assert figures(outcomes)["orders", "day", "East", T + 300 * MINUTE] == 300


def test_page_that_grows_enters_with_what_it_grew_by() -> None:
    log, fold = CellsLog(BOOK, partitions=2), Evaluation("test")
    behind = ("sales", 1)
    log.reach(T - HOUR, source=behind, idle=True, stamp=1)
    log.add({("East", "web"): {"order.count": 5}}, T)
    log.reach(T + MINUTE)
    for at in range(100):  # 2^55.6 in all, told a hundred times
        cells = {("East", "web"): {"order.sum.amount": 100 * (2**49 + at)}}
        log.add(cells, T - HOUR, source=behind, stamp=2 + at)
        log.reach(T + (2 + at) * MINUTE)
    outcomes = run(log.records, fold)
    assert aside(outcomes) == []
    assert figures(outcomes)["revenue", "day", "East", T + 101 * MINUTE] == 2**49 + 99


def test_next_catalogue_leaves_out_what_still_reads_it_and_mends_what_does_not() -> None:
    running = Running(BOOK)
    running.go_on(T + 2 * MINUTE, {("East", "web"): {"order.sum.amount": 2**60}})
    [again] = running.change(catalogue([rule("few")]))
    assert (aside([again]), [one[:2] for one in again.mended]) == (
        [("kpi", "revenue")],
        [("rule", "dear"), ("rule", "sold")],
    )
    limited = {"gross": {"event": "order", "sum": "amount", "where": {"quantity": {"max": 100}}}}
    [mended] = running.change(catalogue([], [kpi("orders"), kpi("revenue", measures=limited, value="gross")]))
    assert (aside([mended]), [one[:2] for one in mended.mended]) == ([], [("kpi", "revenue")])


def test_rule_on_update_is_set_aside_when_its_sum_is_too_large() -> None:
    burst = rule("burst", kpi="gross", on="update", bad="above", compare="value", expect=constant(0),
                 ladder={"red": rung(5, 1)})  # fmt: skip
    gross = kpi("gross", unit="CNY", measures={"gross": {"event": "order", "sum": "amount"}}, value="gross")
    log = CellsLog(catalogue([burst], [gross]), timestamp=T + MINUTE)
    log.add({("East", "web"): {"order.sum.amount": 2**64}}, T)
    assert run(log.records)[-1].transitions == []
    log.reach(T + MINUTE)
    assert aside(run(log.records)) == [("rule", "burst"), ("kpi", "gross")]
