"""Starts and ends of panes and periods, at the edges that calendars have."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.windows.panes import Calendar, Grain, ceil_minute, floor_minute

HOUR = 3_600_000
DAY = 24 * HOUR


def at(text: str, zone: str = "UTC") -> int:
    """Epoch milliseconds of a local time."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(local.timestamp() * 1000)


def shown(ms: int, zone: str = "UTC") -> str:
    """An instant as local time."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat()[:16]


@pytest.mark.parametrize(
    ("grain", "start", "end"),
    [
        # 2026-07-15 is a Wednesday
        ("minute", "2026-07-15T13:37", "2026-07-15T13:38"),
        ("hour", "2026-07-15T13:00", "2026-07-15T14:00"),
        ("day", "2026-07-15T00:00", "2026-07-16T00:00"),
        ("week", "2026-07-13T00:00", "2026-07-20T00:00"),
        ("month", "2026-07-01T00:00", "2026-08-01T00:00"),
        ("quarter", "2026-07-01T00:00", "2026-10-01T00:00"),
        ("year", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_a_period_begins_and_ends_in_the_business_time_zone(grain: Grain, start: str, end: str) -> None:
    calendar = Calendar("Asia/Shanghai")
    begin = calendar.floor(grain, at("2026-07-15T13:37:12", "Asia/Shanghai"))
    assert shown(begin, "Asia/Shanghai") == start
    assert shown(calendar.end(grain, begin), "Asia/Shanghai") == end


@pytest.mark.parametrize("grain", ["m", "h", "d", "week", "month", "quarter", "year"])
def test_a_start_is_in_its_own_pane_and_its_end_is_the_next_start(grain: Grain) -> None:
    # [start ─────────── end)[start …
    calendar = Calendar("Europe/Berlin")
    start = calendar.floor(grain, at("2026-10-25T12:00"))
    end = calendar.end(grain, start)
    assert calendar.floor(grain, start) == start
    assert calendar.floor(grain, end - 1) == start
    assert calendar.floor(grain, end) == end


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-29", 23), ("2026-03-28", 24), ("2026-10-25", 25)],
    ids=["spring", "plain", "autumn"],
)
def test_a_day_has_the_hours_that_daylight_saving_time_leaves_it(day: str, hours: int) -> None:
    calendar = Calendar("Europe/Berlin")
    start = calendar.floor("day", at(f"{day}T12:00", "Europe/Berlin"))
    assert calendar.end("day", start) - start == hours * HOUR
    assert calendar.floor("hour", start + (hours - 1) * HOUR + 1) == start + (hours - 1) * HOUR


def test_hours_follow_a_zone_of_half_an_hour() -> None:
    calendar = Calendar("Asia/Kolkata")
    assert shown(calendar.floor("hour", at("2026-07-15T10:45"))) == "2026-07-15T10:30"


def test_a_day_that_is_no_whole_number_of_hours_ends_in_a_short_one() -> None:
    # Lord Howe moves its clocks by half an hour
    calendar = Calendar("Australia/Lord_Howe")
    start = calendar.floor("day", at("2026-10-04T12:00", "Australia/Lord_Howe"))
    end = calendar.end("day", start)
    last = calendar.floor("hour", end - 1)
    assert (end - start, calendar.end("hour", last) - last) == (int(23.5 * HOUR), HOUR // 2)


@pytest.mark.parametrize(
    ("zone", "noon", "start"),
    [
        ("America/Havana", "2026-11-01T12:00", "2026-11-01T04:00"),  # midnight comes twice: the first
        ("America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04T03:00"),  # midnight does not come: one o'clock
        ("Pacific/Apia", "2011-12-31T12:00", "2011-12-30T10:00"),  # the day before was left out
    ],
)
def test_a_day_begins_where_midnight_is_odd(zone: str, noon: str, start: str) -> None:
    calendar = Calendar(zone)
    assert shown(calendar.floor("day", at(noon, zone))) == start


def test_a_midnight_within_a_minute_is_taken_at_its_start() -> None:
    # Shanghai was 8:05:43 ahead until 1901: midnight at 15:54:17
    calendar = Calendar("Asia/Shanghai")
    start = calendar.floor("day", at("1900-06-15T15:54:00"))
    assert shown(start) == "1900-06-15T15:54"
    assert calendar.floor("day", start - 1) == start - 24 * HOUR
    assert calendar.floor("day", at("1900-06-15T15:54:10")) == start


def test_the_evening_before_a_repeated_hour_belongs_to_its_own_day() -> None:
    # Brazil went back from 00:00 to 23:00: the day had 25 hours
    calendar = Calendar("America/Sao_Paulo")
    start = calendar.floor("day", at("2018-02-17T12:00", "America/Sao_Paulo"))
    assert calendar.end("day", start) - start == 25 * HOUR
    assert calendar.floor("day", start + 25 * HOUR - 1) == start


@pytest.mark.parametrize(
    ("first", "start"), [(1, "2026-07-13"), (7, "2026-07-12"), (3, "2026-07-15"), (4, "2026-07-09")]
)
def test_a_week_begins_on_the_day_the_installation_says(first: int, start: str) -> None:
    calendar = Calendar("Etc/UTC", first)
    assert shown(calendar.floor("week", at("2026-07-15T13:00")))[:10] == start


@pytest.mark.parametrize(
    ("instant", "span", "earlier"),
    [
        ("2026-07-15T13:30", 7 * DAY, "2026-07-08T13:30"),
        ("2026-03-30T13:30", DAY, "2026-03-29T12:30"),  # 12:30 after that midnight, which lost an hour: 13:30
        ("2026-07-15T13:30", HOUR, "2026-07-15T12:30"),
        ("2026-07-15T00:00", DAY, "2026-07-14T00:00"),
    ],
)
def test_whole_days_ago_is_as_long_after_midnight(instant: str, span: int, earlier: str) -> None:
    zone = "Europe/Berlin"
    calendar = Calendar(zone)
    found = calendar.ago(at(instant, zone), span)
    start = calendar.floor("day", found)
    if span % DAY == 0:
        assert found - start == at(instant, zone) - calendar.floor("day", at(instant, zone))
    else:
        assert shown(found, zone) == earlier


def test_ago_never_goes_back_while_time_goes_on() -> None:
    calendar = Calendar("Europe/Berlin")
    instants = range(at("2026-03-29T20:00"), at("2026-03-30T22:30"), 15 * 60_000)
    found = [calendar.ago(instant, DAY) for instant in instants]
    assert found == sorted(found)


def test_the_calendar_answers_the_same_after_it_forgot() -> None:
    calendar = Calendar("Asia/Shanghai")
    first = calendar.floor("day", at("2026-07-15T13:00"))
    for hour in range(70_000):
        calendar.floor("hour", hour * HOUR)
    assert calendar.floor("day", at("2026-07-15T13:00")) == first


def test_minutes_round_down_and_up() -> None:
    assert [floor_minute(ms) for ms in (0, 59_999, 60_000)] == [0, 0, 60_000]
    assert [ceil_minute(ms) for ms in (0, 1, 60_000)] == [0, 60_000, 60_000]
