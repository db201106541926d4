"""Where figures are written and rules judged: where a measure of theirs changed, and whole now and then.

         hour 9                         hour 10
|----o------------r-----------|----------…
     first order  more revenue, at the same number of orders
"""

import numpy as np

from streams.engine.evaluate import Evaluation
from streams.engine.evaluate.touched import Change, Touched
from tests.evaluate_builders import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    constant,
    figures,
    previous,
    rule,
    run,
    rung,
)

NINE = MONDAY + 9 * HOUR
EAST = ("East", "web")
ONE = {"order.count": 1, "order.sum.amount": 100, "order.max.delay": 5}


def log(*rules: dict[str, object]) -> CellsLog:
    """A log whose first order came at nine on Monday."""
    made = CellsLog(catalogue(rules))
    made.add({EAST: ONE}, NINE)
    made.reach(NINE + MINUTE)
    return made


def written(made: CellsLog, before: int) -> dict[tuple[str, str], list[str]]:
    """(window, scope) → KPIs of which figures were written after so many records."""
    fold = Evaluation("test")
    run(made.records[:before], fold)
    found: dict[tuple[str, str], list[str]] = {}
    for name, window, scope, _ in figures(run(made.records[before:], fold)):
        found.setdefault((window, scope), []).append(name)
    return found


def test_a_scope_that_is_heard_for_the_first_time_is_written_whole() -> None:
    found = written(log(), 2)

    assert set(found) == {
        (window, scope)
        for window in ("5m", "1h", "24h", "7d", "day", "week", "month")
        for scope in ("", "East")
    }
    assert all(names == ["orders", "revenue", "slowest"] for names in found.values())


def test_between_hours_a_kpi_is_written_where_its_own_measures_changed() -> None:
    made = log()
    before = len(made.records)
    made.add({EAST: {"order.sum.amount": 700}}, NINE + 2 * MINUTE)
    made.reach(NINE + 3 * MINUTE)

    found = written(made, before)

    assert found["1h", "East"] == ["revenue"]
    assert {name for names in found.values() for name in names} == {"revenue"}


def test_a_period_begins_with_every_kpi_in_its_own_window() -> None:
    made = log()
    made.reach(NINE + 2 * DAY)
    before = len(made.records)
    made.add({EAST: {"order.sum.amount": 700}}, NINE + 2 * DAY + 2 * MINUTE)
    made.reach(NINE + 2 * DAY + 3 * MINUTE)

    found = written(made, before)

    assert found["day", "East"] == ["orders", "revenue"]
    assert found["24h", "East"] == found["week", "East"] == ["revenue"]


def test_at_the_end_of_an_hour_what_changed_is_written_whole() -> None:
    made = log()
    before = len(made.records)
    made.add({EAST: {"order.sum.amount": 700}}, NINE + 59 * MINUTE)
    made.reach(NINE + HOUR)

    found = written(made, before)

    assert found["1h", "East"] == ["orders", "revenue", "slowest"]
    assert found["24h", "East"] == ["orders", "revenue", "slowest"]


def test_an_expectation_that_moves_concerns_its_own_kpi_and_window_only() -> None:
    falling = {"window": "24h", "ladder": {"red": rung(0.1, 0.2)}}
    made = log(
        rule("fewer", expect=previous("2d"), **falling),
        rule("less", kpi="revenue", expect=previous("2d"), **falling),
        rule("few", expect=constant(0), window="7d", compare="value"),
    )
    made.add({EAST: {"order.count": 4}}, NINE + DAY)
    made.reach(NINE + DAY + MINUTE)
    made.reach(NINE + 3 * DAY)
    before = len(made.records)
    made.reach(NINE + 3 * DAY + 45 * MINUTE)

    found = written(made, before)

    assert found == {("24h", "East"): ["orders"] * 3}


def test_what_is_touched_is_merged_by_window() -> None:
    touched = Touched()
    none, some = np.array([], dtype=np.int64), np.array([2, 5])
    for window in (1, 2):
        touched.fill(window, none)
        touched.change(window, Change(none, frozenset()))
        touched.strike(window, "orders", none)
        touched.move(window, none)
        touched.fall_due(window, "orders", none)
        touched.drift(window, "orders", none)
    assert not touched
    assert touched.windows == []

    touched.change(1, Change(some, frozenset({3})))
    touched.change(1, Change(np.array([1, 5]), frozenset({4})))
    touched.fall_due(2, "orders", some)

    assert touched
    assert touched.windows == [1, 2]
    assert touched.rows(1).tolist() == [1, 2, 5]
    assert touched.columns(1) == {3, 4}
    assert dict(touched.due(2))["orders"].tolist() == [2, 5]
