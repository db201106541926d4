"""Rows of a state that name what the catalogue has no more, and states far larger than a page."""

import pytest

from schemas.errors import StateError
from streams.engine.evaluate import Evaluation
from streams.engine.evaluate.packing import tier_key
from streams.engine.row_codec import decode_row
from streams.engine.rows import VersionedRows
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
    told,
)

T = MONDAY + 9 * HOUR
NOW = T + MINUTE
MANY = rule(
    "many",
    compare="value",
    bad="above",
    expect=constant(0),
    ladder={"yellow": rung(4, 3), "red": rung(10, 8)},
    quiet={"after": "3h", "tier": "red"},
)


def yellow_in_the_east() -> tuple[CellsLog, Evaluation]:
    """A fold in which five orders made the East yellow."""
    log, fold = CellsLog(catalogue([MANY])), Evaluation("test")
    log.add({("East", "web"): {"order.count": 1}}, T - 2 * HOUR)
    log.reach(T - HOUR)
    log.add({("East", "web"): {"order.count": 5}}, T)
    log.reach(NOW)
    run(log.records, fold)
    return log, fold


def test_row_that_cannot_be_read_is_a_state_error_with_its_remedy() -> None:
    _, fold = yellow_in_the_east()
    rows, commit = fold.commit()
    short = VersionedRows(b"test").put(tier_key("many", (("region", "West"),)), b"[1]", fold.version)
    with pytest.raises(StateError, match=r"^the stored state cannot be read: .* — planwatch rebuild$"):
        restart([*rows, short, commit])


def test_silence_runs_on_after_a_restart() -> None:
    log, fold = yellow_in_the_east()
    rows, commit = fold.commit()
    heir = restart([*rows, commit])
    log.reach(T + 5 * HOUR)
    assert told(run(log.records[-1:], heir))[1:] == [
        ("many", "East", "yellow", NOW + 3 * HOUR),
        ("many", "East", "red", NOW + 3 * HOUR),
    ]


def test_state_before_the_first_commit_is_read_from_the_beginning() -> None:
    heir = restart([])
    assert (heir.version, heir.replay_from, heir.frontier_ms, heir.catalogue) == (-1, 0, None, None)


def test_commit_before_time_began_lets_the_waiting_page_be_read_again() -> None:
    log = CellsLog(catalogue([MANY]))
    log.add({("East", "web"): {"order.count": 5}}, T)
    fold = Evaluation("test")
    run(log.records, fold)
    rows, commit = fold.commit()
    heir = restart([*rows, commit])
    assert (heir.replay_from, heir.frontier_ms, heir.catalogue) == (2, None, fold.catalogue)
    log.reach(NOW)
    assert figures(run(log.records[2:], heir))["orders", "1h", "East", NOW] == 5


def test_tier_that_was_left_since_the_last_commit_is_not_found_again() -> None:
    log, fold = yellow_in_the_east()
    rows, commit = fold.commit()
    stored = dict([*rows, commit])
    fold.confirmed()
    log.reach(T + 2 * HOUR)
    run(log.records[-1:], fold)
    rows, commit = fold.commit()
    stored.update([*rows, commit])
    gone = [key for key, value in fold.confirmed() if value is None]
    assert any(key.startswith(tier_key("many", (("region", "East"),))) for key in gone)
    without = [(key, value) for key, value in stored.items() if key not in gone]
    assert list(restart(list(stored.items())).tiers()) == list(restart(without).tiers()) == []


def test_page_of_a_partition_behind_time_grows_by_the_difference_after_a_restart_too() -> None:
    #  0  ───────────●────────●     at T + 1m, then T + 2m
    #  1  ──● idle · · · ●          one hour behind; counts in the open pane, then grows, then is settled
    behind, old = ("sales", 1), T - HOUR
    log, fold = CellsLog(catalogue([]), partitions=2), Evaluation("test")
    log.reach(old, source=behind, idle=True, stamp=1)
    log.add({("East", "web"): {"order.count": 5}}, T)
    log.reach(NOW)
    log.add({("East", "web"): {"order.count": 2}}, old, source=behind, stamp=2)
    log.reach(NOW + MINUTE)
    outcomes = run(log.records, fold)
    assert figures(outcomes)["orders", "day", "East", NOW + MINUTE] == 7
    rows, commit = fold.commit()
    stored = [*rows, commit]
    heir = restart(stored)
    begin = len(log.records)
    log.add({("East", "web"): {"order.count": 3}}, old, source=behind, stamp=3)
    log.reach(NOW + 2 * MINUTE)
    assert figures(run(log.records[begin:], heir))["orders", "day", "East", NOW + 2 * MINUTE] == 8
    begin = len(log.records)
    log.reach(old + MINUTE, source=behind, idle=True, stamp=4)
    log.add({("East", "web"): {"order.count": 9}}, old, source=behind, stamp=5)
    log.add({("East", "web"): {"order.count": 1}}, NOW + 2 * MINUTE)
    log.reach(NOW + 3 * MINUTE)
    assert figures(run(log.records[begin:], heir))["orders", "day", "East", NOW + 3 * MINUTE] == 9
    assert not [
        key for key, value in heir.commit()[0] if key.startswith(b"growing|") and decode_row(value)[0].body
    ]


def test_page_that_waits_counts_for_a_rule_on_update_after_a_restart_too() -> None:
    burst = rule("burst", on="update", bad="above", compare="value", ladder={"red": rung(5, 1)})
    log, fold = CellsLog(catalogue([burst]), timestamp=NOW), Evaluation("test")
    log.reach(T)
    log.add({("East", "web"): {"order.count": 3}}, T)
    assert told(run(log.records, fold)) == []
    rows, commit = fold.commit()
    heir = restart([*rows, commit])
    assert told(run(log.records[heir.replay_from :], heir)) == []
    log.add({("East", "web"): {"order.count": 2}}, T, number=1)
    assert told(run(log.records[-1:], heir)) == [("burst", "East", "red", NOW)]


def test_more_scopes_than_there_was_room_for_are_counted_and_judged_each() -> None:
    #  one in the first pane; a thousand in the next: the tables grow in all places at once
    log, fold = CellsLog(catalogue([MANY], dimensions=[{"id": "region", "limit": 1000}])), Evaluation("test")
    log.add({("r0000",): {"order.count": 1}}, T - 2 * HOUR)
    log.reach(T - HOUR)
    names = [f"r{number:04}" for number in range(900)]
    cells = {(name,): {"order.count": 3 + number % 2} for number, name in enumerate(names)}
    log.add(cells, T)
    log.reach(NOW)
    outcomes = run(log.records, fold)
    assert told(outcomes) == [("many", name, "yellow", NOW) for name in names[1::2]]
    written = figures(outcomes)
    assert written["orders", "1h", "", NOW] == 3150
    assert [written["orders", "1h", name, NOW] for name in names[:4]] == [3, 4, 3, 4]
    rows, commit = fold.commit()
    heir = restart([*rows, commit])
    assert list(heir.figures_now()) == list(fold.figures_now())
    assert list(heir.tiers()) == list(fold.tiers())


def test_figures_of_one_pane_end_come_in_parts_of_bounded_size() -> None:
    windows = ["5m", "1h", "24h", "7d", "day", "week", "month", "quarter", "year"]
    kpis = [kpi(name, windows=windows, scopes=[["region"]]) for name in ("orders", "revenue", "slowest")]
    log = CellsLog(catalogue([MANY], kpis, dimensions=[{"id": "region", "limit": 10_000}]))
    names = [f"r{number:04}" for number in range(6000)]
    cell = {"order.count": 1, "order.sum.amount": 100, "order.max.delay": 5}
    log.add({(name,): cell for name in names}, T)
    log.reach(NOW)
    parts = [outcome for outcome in run(log.records) if len(outcome.figures)]
    assert [outcome.end_ms for outcome in parts] == [NOW, NOW]
    # a KPI is not cut: 54,000 figures each
    assert [len(outcome.figures) for outcome in parts] == [2 * 54_000, 54_000]
    assert {figure.kpi for figure in parts[1].figures} == {"slowest"}
