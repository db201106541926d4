"""The oracle of figures: by drawings, and against a plain sum over all events."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.oracle.counted import Counted
from tests.faults.oracle.examples import at, order, review
from tests.faults.oracle.figures import History, Scope, Series, histories
from tests.faults.oracle.kpis import FORMULAS
from tests.faults.oracle.naive import value_of
from tests.faults.oracle.shape import read_shape
from tests.faults.oracle.windows import CALENDAR, DAY_MS, HOUR_MS, MINUTE_MS, Clockwork

SHAPE = read_shape()
EAST: Scope = (("region", "East"),)


def history(
    events: list[Counted], kpi: str, window: str, scope: Scope = (), last: str = "2027-12-01 00:00"
) -> History:
    """The history of one series."""
    return dict(histories(events, at(last), SHAPE))[Series(kpi, window, scope)]


def changes(found: History) -> list[tuple[str, float | None]]:
    """When it changes, and to what."""
    zone = SHAPE.zone
    return [
        (datetime.fromtimestamp(end / 1000, zone).strftime("%d %H:%M"), value)
        for end, value in zip(found.ends, found.values, strict=True)
    ]


def test_five_minutes_hold_an_event_at_five_pane_ends() -> None:
    # panes    10:00 10:01 10:02 10:03 10:04 10:05
    # event      x
    # at 10:01 [··x]                                  the pane has closed
    # at 10:05 [··x·····················]
    # at 10:06       [·······················]        [10:01, 10:06): x is outside
    found = history([order("2026-06-10 10:00")], "units", "5m")
    assert changes(found) == [("10 10:01", 1.0), ("10 10:06", 0.0)]


def test_a_day_of_hours_waits_for_the_full_hour() -> None:
    # day      10 ────────────────────────────── 11
    # event    10:40
    # at 11th 10:59  [10:00 (from 10:59, down to the hour) … x inside
    # at 11th 11:00  [11:00 …                              x outside
    found = history([order("2026-06-10 10:40")], "units", "24h")
    assert changes(found) == [("10 10:41", 1.0), ("11 11:00", 0.0)]


def test_an_event_counted_in_its_hour_is_in_no_window_of_minutes() -> None:
    # hour pane  [10:00 ─ 11:00)      became known at 11:30: 1h covers [10:30, 11:30), and takes minutes only
    late = order("2026-06-10 10:00", grain="h", enters="2026-06-10 11:30")
    assert changes(history([late], "orders", "1h")) == []
    assert changes(history([late], "orders", "24h")) == [("10 11:30", 1.0), ("11 11:00", 0.0)]


def test_an_event_counted_in_its_day_is_in_no_rolling_window() -> None:
    late = order("2026-06-07 00:00", grain="d", enters="2026-06-10 11:30")
    assert [changes(history([late], "orders", window)) for window in ("24h", "7d", "day")] == [[], [], []]
    assert changes(history([late], "orders", "month")) == [("10 11:30", 1.0), ("01 00:01", 0.0)]


def test_a_day_is_whole_at_midnight_and_empty_a_minute_later() -> None:
    #           23:58  23:59 │ 00:00  00:01
    # events      x      y   │
    # at 00:00  [···········]│          the whole day
    # at 00:01               │[·····]   the next has begun
    found = history([order("2026-12-31 23:58"), order("2026-12-31 23:59")], "orders", "day")
    assert changes(found) == [("31 23:59", 1.0), ("01 00:00", 2.0), ("01 00:01", 0.0)]


@pytest.mark.parametrize("window", ["day", "month", "quarter", "year"])
def test_what_comes_after_the_end_of_its_period_counts_at_that_end(window: str) -> None:
    #           23:59 │ 00:00 … 00:30
    # events      x   │            y came, of 23:30
    # at 00:00: 1 was known, 2 must stand; at 00:30 the new period has nothing of it
    known, late = order("2026-12-31 23:59"), order("2026-12-31 23:30", enters="2027-01-01 00:30")
    found = history([known, late], "orders", window)
    assert found.known_at(at("2027-01-01 00:00")) == 1.0
    assert found.at(at("2027-01-01 00:00")) == 2.0
    assert found.at(at("2027-01-01 00:30")) == 0.0


def test_a_period_that_began_before_the_days_that_are_kept_stays_as_it_was() -> None:
    # kept from 10 June 2027 − 401 days: May 2026 began before, its 20th day did not
    late = order("2026-05-20 00:00", grain="d", enters="2027-06-10 12:00")
    assert history([late], "orders", "day").closed == {at("2026-05-21 00:00"): 1.0}
    assert history([late], "orders", "month").closed == {}


def test_a_period_that_late_content_alone_fills_is_followed_by_an_empty_one_unless_its_day_has_begun() -> (
    None
):
    #         9th │ y, known at 10:05 (10:00)     10th │ ····x, known at 10:01
    late, first = order("2026-06-09 23:00", enters="2026-06-10 10:05"), order("2026-06-10 10:00")
    early = late._replace(enters_ms=at("2026-06-10 10:00"))
    midnight = at("2026-06-10 00:00")
    assert history([early, first], "orders", "day").begun == {midnight + MINUTE_MS}
    assert history([late, first], "orders", "day").begun == set()


def test_the_next_largest_stands_when_the_largest_leaves() -> None:
    found = history(
        [order("2026-06-10 10:00", "9.00"), order("2026-06-10 10:02", "5.50")], "largest_order", "5m"
    )
    assert changes(found) == [("10 10:01", 9.0), ("10 10:06", 5.5), ("10 10:08", None)]


def test_a_mean_over_nothing_has_no_value() -> None:
    found = history([review("2026-06-10 10:00", 2), review("2026-06-10 10:01", 5)], "mean_rating", "5m")
    assert changes(found) == [("10 10:01", 2.0), ("10 10:02", 3.5), ("10 10:06", 5.0), ("10 10:07", None)]


def test_the_catalogue_has_a_formula_for_each_of_its_kpis() -> None:
    assert set(SHAPE.cuts) == set(FORMULAS)


starts = st.sampled_from(
    [-40 * DAY_MS, -3 * DAY_MS, -26 * HOUR_MS, -90 * MINUTE_MS, -MINUTE_MS, 0, 40 * MINUTE_MS]
)
drawn = st.tuples(
    st.sampled_from("mmmhd"), starts, st.integers(0, 20),
    st.sampled_from([1, 1, 1, 2, 50, 200, 4000, 600_000]), st.sampled_from(["East", "West"]),
    st.sampled_from(["order", "refund", "review", "complaint", "mention"]),
    st.integers(1, 5),
)  # fmt: skip


def counted(one: tuple[Any, ...]) -> Counted:
    """An event around the turn of the year that enters some minutes after its pane's start, or much later."""
    grain, offset, minutes, wait, region, kind, size = one
    clock = Clockwork(SHAPE.zone, SHAPE.week_start)
    moment = at("2027-01-01 00:00") + offset + minutes * MINUTE_MS
    start = {"m": moment, "h": clock.hour(moment), "d": clock.period("day", moment)[0]}[grain]
    enters = max(moment, start) + wait * MINUTE_MS + (0 if grain == "m" else DAY_MS)
    event = {
        "kind": kind,
        "line": 1,
        "amount": f"{size}.01",
        "quantity": size,
        "rating": size,
        "polarity": -size / 7,
    }
    return Counted(grain, start, enters, (region, "a", "web"), event, size * 1001)


@settings(max_examples=25, deadline=None)
@given(st.lists(drawn, min_size=1, max_size=8), st.data())
def test_walking_through_time_gives_what_a_plain_sum_gives(
    found: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    events = [counted(one) for one in found]
    last = max(event.enters_ms for event in events) + data.draw(st.integers(0, 3)) * DAY_MS
    every = dict(histories(events, last, SHAPE))
    chosen = data.draw(st.lists(st.sampled_from(sorted(every)), min_size=15, max_size=15, unique=True))
    clock = Clockwork(SHAPE.zone, SHAPE.week_start)
    for series in chosen:
        edges = {event.enters_ms for event in events} | {
            clock.leaves_at(series.window, e.start_ms) for e in events
        }
        if series.window in CALENDAR:
            edges |= {clock.period(series.window, event.start_ms)[1] for event in events}
        ends = {edge + step for edge in edges for step in (-MINUTE_MS, 0, MINUTE_MS)}
        for end in sorted(end for end in ends if end <= last):
            assert every[series].at(end) == value_of(events, series, end, last, SHAPE), (series, end)
