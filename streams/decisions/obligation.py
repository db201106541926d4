"""Decides when a clock of an incident falls due, which clocks a tier starts, and what stops them.

- A graver tier starts its own clocks; where one of the same kind still runs, the earlier deadline wins and
  the older clock is void. A tier that was entered before starts nothing again: each deadline is told once.
- Acknowledging stops the acknowledge clock only: somebody has it. The escalate clock asks for more, that it
  is under control, and runs until the incident is solved or over.
- Solving stops acknowledge, escalate and solve. The end of the incident voids the same three.
- The report is owed even after the end, until it is handed in.

It refuses to know who is told and how.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from schemas.base import EpochMs
from schemas.catalogue import WorkingHours
from schemas.incident import Obligation
from schemas.period import Span
from schemas.tier import Clock, Tier

#: in the order in which a card names them
CLOCKS: tuple[Clock, ...] = get_args(Clock)
#: what an incident that is solved or over no longer asks for
ENDED_BY_SOLVING: tuple[Clock, ...] = ("acknowledge", "escalate", "solve")
_LONGEST_DAYS = 3660


def deadline(start_ms: EpochMs, span: Span, hours: WorkingHours, time_zone: str) -> EpochMs:
    """The moment at which `span` has passed since `start_ms`; a working span counts working hours only.

    Working hours follow the wall clock of `time_zone`, so a day on which the clocks change is as long as it
    is. Where nobody ever works (no days, or an end not after the start) the span counts plain hours.

    >>> friday_17 = int(datetime(2026, 11, 20, 9, tzinfo=UTC).timestamp() * 1000)  # 17:00 in Shanghai
    >>> due = deadline(friday_17, Span(ms=7_200_000, working=True), WorkingHours(), "Asia/Shanghai")
    >>> datetime.fromtimestamp(due / 1000, ZoneInfo("Asia/Shanghai")).strftime("%A %H:%M")
    'Monday 10:00'
    """
    if not span.working or not hours.days or hours.end <= hours.start:
        return start_ms + span.ms
    zone, left = ZoneInfo(time_zone), span.ms
    day = datetime.fromtimestamp(start_ms / 1000, zone).date()
    for _ in range(_LONGEST_DAYS):
        opens, closes = _working_day(day, hours, zone)
        begin = max(opens, start_ms)
        if day.isoweekday() in hours.days and begin < closes:
            if left <= closes - begin:
                return begin + left
            left -= closes - begin
        day += timedelta(days=1)
    return start_ms + span.ms


def _working_day(day: date, hours: WorkingHours, zone: ZoneInfo) -> tuple[EpochMs, EpochMs]:
    return _at(day, hours.start, zone), _at(day, hours.end, zone)


def _at(day: date, clock: str, zone: ZoneInfo) -> EpochMs:
    hour, minute = (int(part) for part in clock.split(":"))
    if hour >= 24:
        day, hour, minute = day + timedelta(days=1), 0, 0
    local = datetime(day.year, day.month, day.day, hour, min(minute, 59), tzinfo=zone)
    return int(local.astimezone(UTC).timestamp() * 1000)


def start_clocks(
    kept: Sequence[Obligation], tier: Tier, at_ms: EpochMs, hours: WorkingHours, time_zone: str
) -> list[Obligation]:
    """All obligations after `tier` was entered at `at_ms`: the kept ones and the clocks the tier starts.

    A clock already started for this tier is not started again. A running clock of another tier becomes void
    and its deadline wins where it is earlier.
    """
    result = list(kept)
    for clock in CLOCKS:
        span: Span | None = getattr(tier, clock)
        if span is None or any(one.clock == clock and one.tier == tier.id for one in result):
            continue
        due = deadline(at_ms, span, hours, time_zone)
        for index, one in enumerate(result):
            if one.clock == clock and one.state == "running":
                due = min(due, one.due_ms)
                result[index] = one.model_copy(update={"state": "void", "ended_ms": at_ms})
        result.append(Obligation(clock=clock, tier=tier.id, since_ms=at_ms, due_ms=due))
    return result


def fall_due(kept: Sequence[Obligation], now_ms: EpochMs) -> tuple[list[Obligation], list[Obligation]]:
    """All obligations at `now_ms`, and those among them that have just become overdue, earliest first."""
    fallen = [one for one in kept if one.state == "running" and one.due_ms <= now_ms]
    overdue = {id(one): one.model_copy(update={"state": "overdue", "ended_ms": now_ms}) for one in fallen}
    after = [overdue.get(id(one), one) for one in kept]
    return after, [overdue[id(one)] for one in sorted(fallen, key=lambda one: one.due_ms)]


def stop_clocks(
    kept: Sequence[Obligation], clocks: Sequence[Clock], at_ms: EpochMs, by: str = ""
) -> list[Obligation]:
    """All obligations after the running ones of these clocks were met by a person, or void without one.

    >>> running = Obligation(clock="solve", tier="red", since_ms=0, due_ms=9)
    >>> [one.state for one in stop_clocks([running], ["solve"], 5, "li")]
    ['met']
    """
    update = {"state": "met" if by else "void", "ended_ms": at_ms, "by": by}
    return [
        one.model_copy(update=update) if one.state == "running" and one.clock in clocks else one
        for one in kept
    ]


def next_due(kept: Sequence[Obligation]) -> EpochMs | None:
    """The earliest deadline that still runs; None without one."""
    return min((one.due_ms for one in kept if one.state == "running"), default=None)
