"""Where panes and calendar periods begin and end in the business time zone.

Decides only instants. Knows nothing of events, cells or KPIs, and reads no clock. Minutes are minutes of the
epoch. Hours are counted from the business day's midnight, so that hours nest in days in every zone (a zone at
+05:30 has its hours at half past; a day whose length is no whole number of hours ends in a short one). Days,
weeks, months, quarters and years begin at midnight of the business time zone and follow daylight saving time.
"""

from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.period import HOUR_MS, MINUTE_MS

Period = Literal["day", "week", "month", "quarter", "year"]
Grain = Literal["m", "h", "d", "minute", "hour", "day", "week", "month", "quarter", "year"]

_ALIASES = {"m": "minute", "h": "hour", "d": "day"}
_MEMORY = 65_536


def floor_minute(ms: int) -> int:
    """The start of the minute that contains this instant.

    >>> floor_minute(119_999)
    60000
    """
    return ms - ms % MINUTE_MS


def ceil_minute(ms: int) -> int:
    """The first pane end that is not before this instant.

    >>> ceil_minute(60_000), ceil_minute(60_001)
    (60000, 120000)
    """
    return -(-ms // MINUTE_MS) * MINUTE_MS


class Calendar:
    """Starts and ends of panes and periods, as epoch milliseconds.

    >>> calendar = Calendar("Asia/Shanghai", 1)
    >>> noon = 1_767_240_000_000  # 2026-01-01T12:00 in Shanghai
    >>> start = calendar.floor("day", noon)
    >>> (noon - start) // 3_600_000, (calendar.end("day", start) - start) // 3_600_000
    (12, 24)
    """

    def __init__(self, time_zone: str, week_start: int = 1) -> None:
        self._zone = ZoneInfo(time_zone)
        self._week_start = week_start
        self._midnights: dict[date, int] = {}
        self._days: dict[int, tuple[int, int, date]] = {}

    def floor(self, grain: Grain, ms: int) -> int:
        """The start of the pane or period that contains this instant (start inclusive)."""
        name = _ALIASES.get(grain, grain)
        if name == "minute":
            return ms - ms % MINUTE_MS
        start, _, day = self._day(ms)
        if name == "hour":
            return start + (ms - start) // HOUR_MS * HOUR_MS
        return start if name == "day" else self._midnight(self._first(name, day))

    def end(self, grain: Grain, start: int) -> int:
        """The exclusive end of the pane or period that begins at `start`."""
        name = _ALIASES.get(grain, grain)
        if name == "minute":
            return start + MINUTE_MS
        _, end, day = self._day(start)
        if name == "hour":
            return min(start + HOUR_MS, end)
        return end if name == "day" else self._midnight(self._next(name, self._first(name, day)))

    def ago(self, ms: int, span_ms: int) -> int:
        """The instant that lies `span_ms` back.

        Whole days are business days: as long after midnight, that many days before (across a change of
        daylight saving time too). Never decreasing in `ms`. Anything else is elapsed time.
        """
        days, rest = divmod(span_ms, 24 * HOUR_MS)
        if rest:
            return ms - span_ms
        start, _, day = self._day(ms)
        then = day - timedelta(days=days)
        first, last = self._midnight(then), self._midnight(then + timedelta(days=1))
        return min(first + ms - start, last)

    def _day(self, ms: int) -> tuple[int, int, date]:
        """The business day that contains this instant: start, end, local date."""
        slot = ms // HOUR_MS
        known = self._days.get(slot)
        if known and known[0] <= ms < known[1]:
            return known
        day = datetime.fromtimestamp(ms // 1000, self._zone).date()
        end = self._midnight(day + timedelta(days=1))
        if ms >= end:  # the last seconds before a midnight that is no whole minute belong to the next day
            day += timedelta(days=1)
            end = self._midnight(day + timedelta(days=1))
        found = (self._midnight(day), end, day)
        if len(self._days) >= _MEMORY:
            self._days.clear()
        self._days[slot] = found
        return found

    def _midnight(self, day: date) -> int:
        known = self._midnights.get(day)
        if known is None:
            local = datetime(day.year, day.month, day.day, tzinfo=self._zone)
            known = self._midnights[day] = floor_minute(int(local.timestamp()) * 1000)
        return known

    def _first(self, period: str, day: date) -> date:
        if period == "week":
            return day - timedelta(days=(day.isoweekday() - self._week_start) % 7)
        if period == "month":
            return day.replace(day=1)
        if period == "quarter":
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        return date(day.year, 1, 1)

    def _next(self, period: str, first: date) -> date:
        if period == "week":
            return first + timedelta(days=7)
        if period == "year":
            return date(first.year + 1, 1, 1)
        months = first.year * 12 + first.month - 1 + (3 if period == "quarter" else 1)
        return date(months // 12, months % 12 + 1, 1)
