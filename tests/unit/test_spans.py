"""What each window covers at a pane end, and when panes leave it."""

import pytest

from streams.windows.panes import Calendar
from streams.windows.spans import Interval, Rolling, ToDate, grain_of, is_within, rolling, spec_of

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
UTC = Calendar("Etc/UTC")


@pytest.mark.parametrize("window", ["5m", "1h"])
def test_a_short_window_steps_by_the_minute(window: str) -> None:
    #        |<──── length ────>|
    #        [──────────────────)            at T
    #         m[──────────────────)          at T + 1m
    spec = rolling(window)
    first, second = spec.at(DAY, UTC), spec.at(DAY + MINUTE, UTC)
    assert first == Interval(DAY - spec.length_ms, DAY)
    assert second == Interval(first.start + MINUTE, first.end + MINUTE)


@pytest.mark.parametrize("window", ["24h", "7d"])
def test_a_long_window_moves_its_far_edge_by_the_hour(window: str) -> None:
    #  hour   hour   hour          hour   hour
    #  |[─────┼──────┼────── … ────┼──────)       at 02:00
    #  |[─────┼──────┼────── … ────┼──────┼──)    at 02:59: the edge waits
    #  |      [──────┼────── … ────┼──────┼──────) at 03:00
    spec, two = rolling(window), 10 * DAY + 2 * HOUR
    assert spec.at(two, UTC).start == two - spec.length_ms
    assert spec.at(two + 59 * MINUTE, UTC) == Interval(two - spec.length_ms, two + 59 * MINUTE)
    assert spec.at(two + HOUR, UTC).start == two + HOUR - spec.length_ms


@pytest.mark.parametrize("window", ["5m", "1h", "24h", "7d"])
def test_a_pane_is_outside_from_the_pane_end_that_is_said(window: str) -> None:
    #   [pane)[────────── window ──────────)     outside at leaves()
    #   [pane)
    #  [───────────── window ───────────)        inside one pane end before
    spec = rolling(window)
    pane = UTC.floor(spec.grain, 10 * DAY + 5 * HOUR)
    leaves = spec.leaves(pane, UTC)
    assert not spec.at(leaves, UTC).holds(pane)
    assert spec.at(leaves - MINUTE, UTC).holds(pane)


def test_a_calendar_window_is_whole_at_its_end_and_new_one_pane_later() -> None:
    #  [──────────── day ────────────)
    #  [─────────────────────────────)        at midnight: the whole day
    #                                [m)      one minute later: the next
    day = spec_of("day")
    assert isinstance(day, ToDate)
    assert day.at(DAY, UTC) == Interval(0, DAY)
    assert day.at(DAY + MINUTE, UTC) == Interval(DAY, DAY + MINUTE)
    assert day.closes(0, UTC) == DAY


def test_the_month_begins_in_the_business_time_zone() -> None:
    shanghai = Calendar("Asia/Shanghai")
    july = 1_782_835_200_000  # 2026-07-01T00:00+08:00
    assert spec_of("month").at(july + HOUR, shanghai) == Interval(july, july + HOUR)
    assert spec_of("month").at(july, shanghai).end == july
    assert spec_of("month").at(july, shanghai).start == july - 30 * DAY


def test_coarse_panes_are_not_taken_by_finer_windows() -> None:
    taken = {
        (window, grain): spec_of(window).takes(grain_of(grain))
        for window in ("1h", "24h", "month")
        for grain in "mhd"
    }
    assert [key for key, takes in taken.items() if not takes] == [("1h", "h"), ("1h", "d"), ("24h", "d")]


def test_an_unknown_window_or_grain_is_refused() -> None:
    with pytest.raises(KeyError):
        rolling("2h")
    with pytest.raises(KeyError):
        grain_of("x")
    assert isinstance(spec_of("7d"), Rolling)
    assert is_within("h", "h")
