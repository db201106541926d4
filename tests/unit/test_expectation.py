"""Of which panes an earlier window is made."""

import pytest

from streams.decisions.expectation import Kept, Piece, compose, earlier
from streams.windows.panes import Calendar
from streams.windows.spans import Interval, spec_of

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
UTC = Calendar("Etc/UTC")
ALL, HOURS, DAYS = Kept(0, 0), Kept(2**60, 0), Kept(2**60, 2**60)


def test_whole_days_are_days_and_the_rest_is_hours() -> None:
    #      22  23 |───── day 1 ─────|  0   1
    #      [──────┼─────────────────┼──────)
    pieces = compose(Interval(DAY - 2 * HOUR, 2 * DAY + HOUR), UTC, HOURS)
    assert pieces == [
        Piece("h", DAY - 2 * HOUR, 1.0),
        Piece("h", DAY - HOUR, 1.0),
        Piece("d", DAY, 1.0),
        Piece("h", 2 * DAY, 1.0),
    ]


def test_an_hour_that_an_edge_cuts_counts_in_proportion() -> None:
    #  |──── hour 0 ────|──── hour 1 ────|
    #              [────┼────────)              a quarter, then a half
    pieces = compose(Interval(45 * MINUTE, HOUR + 30 * MINUTE), UTC, HOURS)
    assert pieces == [Piece("h", 0, 0.25), Piece("h", HOUR, 0.5)]


def test_a_day_whose_hours_are_gone_counts_in_proportion() -> None:
    assert compose(Interval(18 * HOUR, DAY + 6 * HOUR), UTC, DAYS) == [
        Piece("d", 0, 0.25),
        Piece("d", DAY, 0.25),
    ]


def test_where_minutes_are_kept_the_edge_is_exact() -> None:
    pieces = compose(Interval(HOUR - 2 * MINUTE, 2 * HOUR), UTC, ALL)
    assert pieces == [
        Piece("m", HOUR - 2 * MINUTE, 1.0),
        Piece("m", HOUR - MINUTE, 1.0),
        Piece("h", HOUR, 1.0),
    ]


def test_nothing_is_made_of_nothing() -> None:
    assert compose(Interval(HOUR, HOUR), UTC, ALL) == []


@pytest.mark.parametrize("kept", [ALL, HOURS, DAYS], ids=["minutes", "hours", "days"])
def test_the_weights_add_up_to_the_interval(kept: Kept) -> None:
    interval = Interval(5 * HOUR + 7 * MINUTE, 9 * DAY + 3 * HOUR + 50 * MINUTE)
    lengths = {"m": MINUTE, "h": HOUR, "d": DAY}
    covered = sum(piece.weight * lengths[piece.grain] for piece in compose(interval, UTC, kept))
    assert covered == pytest.approx(interval.end - interval.start)


def test_both_edges_of_an_earlier_window_are_shifted() -> None:
    end = 20 * DAY + 10 * HOUR + 30 * MINUTE
    assert earlier(spec_of("24h"), end, 7 * DAY, UTC) == Interval(12 * DAY + 10 * HOUR, end - 7 * DAY)
    assert earlier(spec_of("day"), end, 7 * DAY, UTC) == Interval(13 * DAY, end - 7 * DAY)
    assert earlier(spec_of("1h"), end, 2 * HOUR, UTC) == Interval(end - 3 * HOUR, end - 2 * HOUR)
