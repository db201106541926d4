"""When clocks fall due, in working hours too; which ones a tier starts; what stops them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from schemas.catalogue import WorkingHours
from schemas.incident import Obligation
from schemas.period import parse_span
from streams.decisions.obligation import (
    ENDED_BY_SOLVING,
    deadline,
    fall_due,
    next_due,
    start_clocks,
    stop_clocks,
)
from tests.respond_builders import HOUR, MINUTE, T0, tiers

SHANGHAI = "Asia/Shanghai"
YELLOW, ORANGE, RED = tiers()[1:]


def at(text: str, zone: str = SHANGHAI) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(local.astimezone(UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("start", "span", "due"),
    [
        # Fri 20 Nov 2026        Sat, Sun          Mon 23 Nov
        # 09 ------------ 18     nobody works      09 ------------ 18
        pytest.param("2026-11-20T10:00", "8wh", "2026-11-20T18:00", id="fits the day to its end"),
        pytest.param("2026-11-20T10:01", "8wh", "2026-11-23T09:01", id="runs over the weekend"),
        pytest.param("2026-11-20T17:00", "8wh", "2026-11-23T16:00", id="one hour on Friday, seven on Monday"),
        pytest.param("2026-11-21T12:00", "8wh", "2026-11-23T17:00", id="begins on Saturday"),
        pytest.param("2026-11-20T18:00", "1wh", "2026-11-23T10:00", id="begins as the day ends"),
        pytest.param("2026-11-20T03:00", "1wh", "2026-11-20T10:00", id="begins before the day does"),
        pytest.param("2026-11-20T10:00", "0wh", "2026-11-20T10:00", id="nothing is due at once"),
        pytest.param("2026-11-20T17:30", "2h", "2026-11-20T19:30", id="plain hours do not rest"),
    ],
)
def test_deadline_counts_working_hours_of_the_business_time_zone(start: str, span: str, due: str) -> None:
    assert deadline(at(start), parse_span(span), WorkingHours(), SHANGHAI) == at(due)


def test_deadline_counts_the_hours_that_a_day_with_a_clock_change_has() -> None:
    # Berlin, Sunday 28 March 2027: 02:00 becomes 03:00, so 00:00 to 06:00 is five hours
    hours = WorkingHours(start="00:00", end="06:00", days=[7, 1])
    due = deadline(at("2027-03-28T00:00", "Europe/Berlin"), parse_span("6wh"), hours, "Europe/Berlin")
    assert due == at("2027-03-29T01:00", "Europe/Berlin")


@pytest.mark.parametrize(
    "hours",
    [
        pytest.param(WorkingHours(days=[]), id="no working day"),
        pytest.param(WorkingHours(start="18:00", end="09:00"), id="an end before the start"),
        pytest.param(WorkingHours(days=[8, 9]), id="days that no week has"),
    ],
)
def test_deadline_counts_plain_hours_where_nobody_ever_works(hours: WorkingHours) -> None:
    assert deadline(T0, parse_span("8wh"), hours, SHANGHAI) == T0 + 8 * HOUR


def test_deadline_reaches_midnight_when_the_day_ends_at_24() -> None:
    hours = WorkingHours(start="22:00", end="24:00", days=[5, 6])
    assert deadline(at("2026-11-20T23:00"), parse_span("2wh"), hours, SHANGHAI) == at("2026-11-21T23:00")


def test_deadline_equals_a_walk_over_every_minute() -> None:
    hours, zone = WorkingHours(start="08:30", end="12:15", days=[1, 3, 4]), ZoneInfo(SHANGHAI)
    start = datetime(2026, 11, 19, 7, 3, tzinfo=zone)
    moment, left = start, 11 * 60
    while left:
        working = moment.isoweekday() in (1, 3, 4) and (8, 30) <= (moment.hour, moment.minute) < (12, 15)
        moment, left = moment + timedelta(minutes=1), left - working
    found = deadline(int(start.timestamp() * 1000), parse_span("11wh"), hours, SHANGHAI)
    assert found == int(moment.timestamp() * 1000)


def test_a_tier_starts_its_clocks_from_its_own_entry() -> None:
    clocks = start_clocks([], RED, T0, WorkingHours(), SHANGHAI)
    assert [(one.clock, one.due_ms - T0) for one in clocks] == [
        ("acknowledge", 30 * MINUTE),
        ("escalate", 2 * HOUR),
        ("solve", 24 * HOUR),
        ("report", 48 * HOUR),
    ]


def test_a_graver_tier_voids_the_milder_clocks() -> None:
    orange = start_clocks([], ORANGE, T0, WorkingHours(), SHANGHAI)
    both = start_clocks(orange, RED, T0 + MINUTE, WorkingHours(), SHANGHAI)
    assert {one.tier for one in both if one.state == "running"} == {"red"}
    assert {one.state for one in both if one.tier == "orange"} == {"void"}


def test_an_earlier_deadline_wins_over_a_graver_tier() -> None:
    orange = start_clocks([], ORANGE, T0, WorkingHours(), SHANGHAI)
    both = start_clocks(orange, RED, T0 + 119 * MINUTE, WorkingHours(), SHANGHAI)
    acknowledge = next(one for one in both if one.clock == "acknowledge" and one.state == "running")
    assert (acknowledge.tier, acknowledge.due_ms) == ("red", T0 + 2 * HOUR)


def test_a_tier_entered_again_starts_nothing_again() -> None:
    red = stop_clocks(start_clocks([], RED, T0, WorkingHours(), SHANGHAI), ["acknowledge"], T0 + 1, "li")
    assert start_clocks(red, RED, T0 + HOUR, WorkingHours(), SHANGHAI) == red


def test_a_tier_without_clocks_starts_none() -> None:
    assert start_clocks([], tiers()[0], T0, WorkingHours(), SHANGHAI) == []


@pytest.mark.parametrize(("now", "overdue"), [(T0 + 99, 0), (T0 + 100, 1), (T0 + 101, 1)])
def test_a_clock_falls_due_at_its_deadline_and_once(now: int, overdue: int) -> None:
    kept = [Obligation(clock="solve", tier="red", since_ms=T0, due_ms=T0 + 100)]
    after, fallen = fall_due(kept, now)
    assert len(fallen) == overdue
    assert fall_due(after, now + 1)[1] == (
        [] if overdue or now + 1 < T0 + 100 else fall_due(kept, now + 1)[1]
    )


def test_clocks_that_fall_due_together_come_in_the_order_of_their_deadlines() -> None:
    late = Obligation(clock="acknowledge", tier="red", since_ms=0, due_ms=20)
    early = Obligation(clock="escalate", tier="red", since_ms=0, due_ms=10)
    assert [one.clock for one in fall_due([late, early], 30)[1]] == ["escalate", "acknowledge"]


def test_stopping_leaves_the_report_clock_running() -> None:
    clocks = stop_clocks(start_clocks([], RED, T0, WorkingHours(), SHANGHAI), ENDED_BY_SOLVING, T0 + 1, "li")
    assert [(one.clock, one.state) for one in clocks][-1] == ("report", "running")
    assert {one.by for one in clocks if one.state == "met"} == {"li"}


def test_the_next_deadline_is_that_of_running_clocks_only() -> None:
    clocks = start_clocks([], RED, T0, WorkingHours(), SHANGHAI)
    assert next_due(stop_clocks(clocks, ["acknowledge"], T0, "li")) == T0 + 2 * HOUR
    assert next_due([]) is None
