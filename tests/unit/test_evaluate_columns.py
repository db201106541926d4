"""Columns, tables and pages: how every kind of measure merges, and what a page of another layout gives."""

from typing import Any

import numpy as np
import pytest

from schemas.records import LayoutRecord
from streams.cells.page import Page, PageKey, encode_page
from streams.engine.evaluate import Evaluation
from streams.engine.evaluate.columns import NO_MAX, NO_MIN, Columns, Table, fold_rows
from streams.engine.evaluate.since import Since
from streams.engine.figures import FigureBlock, Figures
from tests.evaluate_builders import HOUR, MINUTE, MONDAY, CellsLog, catalogue, figures, kpi, run

T = MONDAY + 9 * HOUR
FASTEST = kpi(
    "fastest",
    unit="seconds",
    better="lower",
    measures={"fastest": {"event": "order", "min": "delay"}},
    value="fastest",
)


def columns() -> Columns:
    """A count, a smallest and a largest."""
    found = Columns()
    for key, how, scale in (("n", "count", 1), ("least", "min", 1000), ("most", "max", 1000)):
        found.add(key, how, scale)
    return found


def ints(*rows: list[int]) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.array(rows, dtype=np.int64)


def test_counts_are_added_and_extremes_compared() -> None:
    merged = columns().merge(ints([2, 50, 70]), ints([3, 40, NO_MAX]))
    assert merged.tolist() == [[5, 40, 70]]


def test_rows_that_come_several_times_are_merged_to_one_each() -> None:
    values = ints([1, 50, 70], [2, NO_MIN, NO_MAX], [4, 30, 90])
    found = fold_rows(np.array([7, 3, 7]), values, columns())
    assert (found.rows.tolist(), found.values.tolist()) == ([3, 7], [[2, NO_MIN, NO_MAX], [5, 30, 90]])


def test_nothing_folded_has_no_value_in_natural_units() -> None:
    found = columns().natural(ints([0, NO_MIN, NO_MAX], [1, 500, 1500]))
    assert found[1].tolist() == [1.0, 0.5, 1.5]
    assert found[0, 0] == 0
    assert np.isnan(found[0, 1:]).all()


def test_later_version_less_the_earlier_keeps_its_own_extremes() -> None:
    assert columns().less(ints([5, 30, 90]), ints([2, 50, 90])).tolist() == [[3, 30, 90]]


@pytest.mark.parametrize(
    ("values", "added", "extreme"),
    [(ints([5, 30, 90]), [[5, 0, 0]], [[0, 30, 90]])],
    ids=["all kinds"],
)
def test_split_parts_sums_from_extremes(values: Any, added: list[Any], extreme: list[Any]) -> None:
    sums, extremes = columns().split(values)
    assert (sums.tolist(), extremes.tolist()) == (added, extreme)


def test_rows_made_before_a_column_was_added_are_blank_in_it() -> None:
    wider = columns()
    wider.add("least.quantity", "min", 1)
    assert wider.widen(ints([5, 30, 90])).tolist() == [[5, 30, 90, NO_MIN]]


def test_column_keeps_its_place_and_takes_over_a_new_scale() -> None:
    found = columns()
    found.add("n", "count", 10)
    assert (found.keys, found.natural(ints([5, 0, 0]))[0, 0]) == (["n", "least", "most"], 0.5)


def test_pick_finds_rows_on_both_sides_and_none_in_an_empty_table() -> None:
    table = Table(np.array([3, 7, 9]), ints([1], [2], [3]))
    wanted, here = table.pick(np.array([9, 4, 3, 10]))
    assert (wanted.tolist(), here.tolist()) == ([0, 2], [2, 0])
    empty = Table(np.empty(0, dtype=np.int64), np.empty((0, 1), dtype=np.int64))
    assert [part.tolist() for part in empty.pick(np.array([3]))] == [[], []]


def test_measures_are_complete_from_the_first_content_on() -> None:
    since = Since(columns())
    assert since.of([0]) is None
    since.begin(5 * MINUTE)
    assert (since.of([0, 1]), since.of([])) == (5 * MINUTE, 5 * MINUTE)


def test_measure_is_complete_after_the_last_page_that_lacks_it() -> None:
    since = Since(columns())
    since.begin(5 * MINUTE)
    since.lacking(["least"], 20 * MINUTE)
    since.lacking(["least"], 10 * MINUTE)
    assert (since.of([0]), since.of([0, 1])) == (5 * MINUTE, 20 * MINUTE)


def test_smallest_is_found_in_every_window_and_again_when_it_leaves() -> None:
    #  T    0.4 s ●
    #  T+2m       ● 2 s (East)   ● 3 s (West)
    #             └── 5m ──┘     after T+6m the smallest of the East is the next
    log = CellsLog(catalogue([], [FASTEST]))
    log.add({("East", "web"): {"order.min.delay": 400}}, T)
    cells = {("East", "web"): {"order.min.delay": 2000}, ("West", "web"): {"order.min.delay": 3000}}
    log.add(cells, T + 2 * MINUTE)
    log.add({("West", "web"): {"order.min.delay": 9000}}, T + 3 * MINUTE)
    log.reach(T + 6 * MINUTE)
    found = figures(run(log.records))
    assert found["fastest", "5m", "East", T + 3 * MINUTE] == 0.4
    assert found["fastest", "5m", "East", T + 6 * MINUTE] == 2
    assert found["fastest", "5m", "", T + 6 * MINUTE] == 2
    assert found["fastest", "1h", "East", T + 3 * MINUTE] == 0.4


def test_smallest_that_leaves_is_looked_for_only_where_its_scope_has_content() -> None:
    log = CellsLog(catalogue([], [FASTEST]))
    log.add({("East", "web"): {"order.min.delay": 400}}, T)
    log.add({("East", "web"): {"order.min.delay": 700}}, T + MINUTE)
    cells = {("West", "web"): {"order.min.delay": 100}}
    for minute in (2, 3, 4):
        log.add(cells, T + minute * MINUTE)
    log.reach(T + 7 * MINUTE)
    found = figures(run(log.records))
    assert found["fastest", "5m", "East", T + 6 * MINUTE] == 0.7
    assert ("fastest", "5m", "East", T + 7 * MINUTE) not in found
    assert found["fastest", "5m", "", T + 7 * MINUTE] == 0.1


def test_smallest_has_no_figure_once_its_window_is_empty() -> None:
    log = CellsLog(catalogue([], [FASTEST]))
    log.add({("East", "web"): {"order.min.delay": 400}}, T)
    log.reach(T + 10 * MINUTE)
    outcomes = run(log.records)
    assert {end for _, window, _, end in figures(outcomes) if window == "5m"} == {T + MINUTE}
    assert [len(outcome.figures) for outcome in outcomes if outcome.end_ms == T + 6 * MINUTE] == [0]


def test_smallest_of_several_leaves_is_that_of_their_scope() -> None:
    log = CellsLog(catalogue([], [FASTEST]))
    delays = {"web": 900, "shop": 300, "app": 700}
    log.add({("East", channel): {"order.min.delay": delay} for channel, delay in delays.items()}, T)
    log.reach(T + MINUTE)
    assert figures(run(log.records))["fastest", "1h", "East", T + MINUTE] == 0.3


def test_page_of_a_foreign_layout_gives_what_the_catalogue_knows_of_it() -> None:
    log = CellsLog(catalogue([], [kpi("orders")]))
    keys = ["order.count", "order.max.delay", "order.min.score[line=1]", "order.sum.amount"]
    record = LayoutRecord(id="foreign", measures=keys, dimensions=["store", "channel"])
    log.put(record.model_dump_json().encode())
    place = PageKey("sales", 0, "foreign", "m", T, T, 0)
    log.put(
        encode_page(Page(place, 1, 1, {("S1", "web"): [3, None, None, 500], ("S2", "web"): [4, 9, 1, 0]}))
    )
    log.stamp = 1
    log.reach(T + MINUTE)
    found = figures(run(log.records))
    assert found["orders", "1h", "unknown", T + MINUTE] == 7
    assert {name for name, *_ in found} == {"orders"}


def test_page_of_a_largest_without_events_gives_no_value() -> None:
    log = CellsLog(catalogue([]))
    log.add({("East", "web"): {"order.count": 3}}, T)
    log.reach(T + MINUTE)
    found = figures(run(log.records))
    assert ("slowest", "1h", "East", T + MINUTE) not in found
    assert found["orders", "1h", "East", T + MINUTE] == 3


def test_new_catalogue_with_another_scale_is_how_numbers_are_read() -> None:
    log = CellsLog(catalogue([], minor_digits=3))
    log.add({("East", "web"): {"order.sum.amount": 1234}}, T)
    log.reach(T + MINUTE)
    assert figures(run(log.records))["revenue", "1h", "East", T + MINUTE] == 1.234


def test_figures_are_read_by_place_and_by_slice() -> None:
    labels = [("1h", "company", ()), ("1h", "region", (("region", "East"),))]
    block = FigureBlock(
        "orders", MINUTE, labels, np.array([0, 1]), np.array([3.0, 2.0]), np.array([np.nan, 5.0])
    )
    found = Figures([block, block])
    assert (len(found), found[1].scope, found[-1].expected) == (4, (("region", "East"),), 5.0)
    assert [figure.expected for figure in found[:2]] == [None, 5.0]


def test_fold_without_a_catalogue_gives_no_figures() -> None:
    fold = Evaluation("test")
    assert (list(fold.figures_now()), list(fold.verdicts_now()), list(fold.tiers())) == ([], [], [])
