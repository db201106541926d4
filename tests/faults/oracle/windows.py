"""Where each window begins at a pane end, by plain arithmetic and the local calendar.

    5m, 1h     the last so many minutes                          takes minute panes
    24h, 7d    the same, but the far edge waits for a full hour   takes minute and hour panes
    day … year from local midnight of the period's first day      takes every pane

An interval is half-open, and the period of a pane end is that of the moment just before it: at midnight the
day that ends is whole, a minute later the next has begun.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
ROLLING_MS = {"5m": 5 * MINUTE_MS, "1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS}
CALENDAR = ("day", "week", "month", "quarter", "year")
_TAKES = {"5m": "m", "1h": "m", "24h": "mh", "7d": "mh"}


def takes(window: str, grain: str) -> bool:
    """Whether what was counted in a pane of this grain is part of the window's figures."""
    return grain in _TAKES.get(window, "mhd")


class Clockwork:
    """Starts and ends in one business time zone, in epoch milliseconds."""

    def __init__(self, zone: ZoneInfo, week_start: int) -> None:
        self._zone, self._week_start = zone, week_start
        # the same few instants are asked for by every scope
        self.start_at = lru_cache(maxsize=None)(self._start_at)
        self.period = lru_cache(maxsize=None)(self._period)

    def _start_at(self, window: str, end_ms: int) -> int:
        """The start of the window whose last pane ends at `end_ms`."""
        if window in ("5m", "1h"):
            return end_ms - ROLLING_MS[window]
        if window in ROLLING_MS:
            return self.hour(end_ms - ROLLING_MS[window])
        return self.period(window, end_ms - 1)[0]

    def leaves_at(self, window: str, pane_ms: int) -> int:
        """The first pane end at which what began at `pane_ms` is outside."""
        if window in ("5m", "1h"):
            return pane_ms + ROLLING_MS[window] + MINUTE_MS
        if window in ROLLING_MS:
            return self.hour(pane_ms) + HOUR_MS + ROLLING_MS[window]
        return self.period(window, pane_ms)[1] + MINUTE_MS

    def hour(self, ms: int) -> int:
        """The start of the hour, counted from local midnight."""
        midnight = self.period("day", ms)[0]
        return ms - (ms - midnight) % HOUR_MS

    def _period(self, window: str, ms: int) -> tuple[int, int]:
        """Start and end of the calendar period that holds this moment."""
        day = datetime.fromtimestamp(ms // 1000, self._zone).date()
        if window == "day":
            return self._midnight(day), self._midnight(day + timedelta(days=1))
        if window == "week":
            first = day - timedelta(days=(day.isoweekday() - self._week_start) % 7)
            return self._midnight(first), self._midnight(first + timedelta(days=7))
        months = {"month": 1, "quarter": 3, "year": 12}[window]
        first_month = (day.month - 1) // months * months
        return self._first_of(day.year, first_month), self._first_of(day.year, first_month + months)

    def _first_of(self, year: int, months: int) -> int:
        """Midnight of the first day, so many months after January."""
        return self._midnight(date(year + months // 12, months % 12 + 1, 1))

    def _midnight(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) * 1000
