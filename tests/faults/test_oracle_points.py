"""What the comparison of points sees: each mistake made in points that were right, and nothing else."""

import pytest

from tests.faults.oracle.counted import Counted
from tests.faults.oracle.examples import at, order, review
from tests.faults.oracle.figures import Scope, Series, histories
from tests.faults.oracle.points import Points, compare, read_points, series_text
from tests.faults.oracle.shape import read_shape

SHAPE = read_shape()
EAST: Scope = (("region", "East"),)
UNITS, RATING = Series("units", "5m", ()), Series("mean_rating", "5m", EAST)


def points(events: list[Counted], *, until: str) -> Points:
    """Exactly the points that are due."""
    found: Points = {}
    for series, one in histories(events, at(until), SHAPE):
        place = (series.kpi, series.window, tuple(name for name, _ in series.scope))
        hope = {"expected": SHAPE.constants[place]} if place in SHAPE.constants else {}
        for end in {*one.ends, *one.closed, *one.begun}:
            value = one.at(end)
            if value is not None:
                found[series_text(series), end] = {"value": value, **hope}
    return found


EVENTS = [
    order("2026-06-10 10:00"), review("2026-06-10 10:00", 4), review("2026-06-10 10:20", 4),
    order("2026-06-09 23:00", enters="2026-06-10 10:05"),
]  # fmt: skip
UNTIL = "2026-06-10 10:40"


def seen(found: Points, events: list[Counted] = EVENTS) -> list[tuple[str, str, int]]:
    return [(d.what, d.series, d.time_ms) for d in compare(found, events, at(UNTIL), SHAPE)]


def test_comparison_of_what_is_due_finds_nothing() -> None:
    assert seen(points(EVENTS, until=UNTIL)) == []


def test_comparison_leaves_points_be_that_say_again_what_stands() -> None:
    found = points(EVENTS, until=UNTIL)
    found[series_text(UNITS), at("2026-06-10 10:03")] = {"value": 1.0}
    found[series_text(UNITS), at("2026-06-10 09:00")] = {"value": 0.0}
    assert seen(found) == []


def test_comparison_sees_a_point_that_is_missing() -> None:
    # units   10:01 1 ─ ─ 10:06 0: without the second, 1 would stand for ever
    found = points(EVENTS, until=UNTIL)
    del found[series_text(UNITS), at("2026-06-10 10:06")]
    assert seen(found) == [("missing", series_text(UNITS), at("2026-06-10 10:06"))]


def test_comparison_sees_that_a_value_after_none_is_missing_though_it_is_the_one_before() -> None:
    # rating  10:01 4 ─ ─ 10:06 none ─ ─ 10:21 4
    found = points(EVENTS, until=UNTIL)
    del found[series_text(RATING), at("2026-06-10 10:21")]
    assert seen(found) == [("missing", series_text(RATING), at("2026-06-10 10:21"))]


def test_comparison_sees_that_a_closed_period_lacks_what_came_late() -> None:
    day = Series("orders", "day", EAST)
    found = points(EVENTS, until=UNTIL)
    del found[series_text(day), at("2026-06-10 00:00")]
    assert seen(found) == [("missing", series_text(day), at("2026-06-10 00:00"))]


def test_comparison_sees_that_nobody_says_that_a_new_period_is_empty() -> None:
    day, minute = Series("orders", "day", EAST), at("2026-06-10 00:01")
    alone = [order("2026-06-09 23:00", enters="2026-06-10 10:05")]
    found = points(alone, until=UNTIL)
    assert seen(found, alone) == []
    del found[series_text(day), minute]
    assert seen(found, alone) == [("missing", series_text(day), minute)]


@pytest.mark.parametrize("value", [2.0, 1.0000000000000002, 0.0], ids=["double", "one bit more", "nothing"])
def test_comparison_sees_a_value_that_is_wrong_by_one_bit(value: float) -> None:
    found = points(EVENTS, until=UNTIL)
    found[series_text(UNITS), at("2026-06-10 10:01")] = {"value": value}
    assert seen(found) == [("wrong", series_text(UNITS), at("2026-06-10 10:01"))]


def test_comparison_sees_a_value_where_there_is_none() -> None:
    found = points(EVENTS, until=UNTIL)
    found[series_text(RATING), at("2026-06-10 10:07")] = {"value": 4.0, "expected": 3.0}
    assert seen(found) == [("wrong", series_text(RATING), at("2026-06-10 10:07"))]


def test_comparison_sees_another_expectation_than_the_rule_has() -> None:
    found = points(EVENTS, until=UNTIL)
    found[series_text(RATING), at("2026-06-10 10:01")]["expected"] = 2.0
    assert seen(found) == [("expectation", series_text(RATING), at("2026-06-10 10:01"))]


def test_comparison_sees_series_and_times_that_cannot_be() -> None:
    found = points(EVENTS, until=UNTIL)
    nowhere = series_text(Series("units", "5m", (("product_line", "z"),)))
    found[nowhere, at("2026-06-10 10:01")] = {"value": 0.0}
    found[series_text(UNITS), at("2026-06-10 10:41")] = {"value": 0.0}
    assert sorted(seen(found)) == [
        ("too late", series_text(UNITS), at("2026-06-10 10:41")),
        ("unknown", nowhere, at("2026-06-10 10:01")),
    ]


def test_comparison_gives_no_more_differences_than_asked_for() -> None:
    assert len(compare({}, EVENTS, at(UNTIL), SHAPE, limit=7)) == 7


def test_points_are_read_as_influxdb_keeps_them() -> None:
    east = "kpi,kpi=units,level=region,region=Far\\ East\\,\\ 2,window=5m"
    found = read_points(
        [
            f"{east} value=1.0,expected=3.0 60000",
            f"{east} value=2.5 60000",
            'tier,rule=r rank=1.0,tier="red" 5',
        ]
    )
    assert found == {
        (east, 60_000): {"value": 2.5, "expected": 3.0},
        ("tier,rule=r", 5): {"rank": 1.0, "tier": "red"},
    }
    assert series_text(Series("units", "5m", (("region", "Far East, 2"),))) == east
