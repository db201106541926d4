"""What interval each window covers at a pane end, and when a pane leaves it.

A window's interval is a half-open value. The specification is here; the sums over it are kept elsewhere.
Rolling windows up to an hour step by the minute; `24h` and `7d` move their far edge by the hour; calendar
windows run from the period's start and are whole at its end.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from schemas.period import CALENDAR, HOUR_MS, ROLLING_MS
from streams.windows.panes import Calendar, Period

PaneGrain = Literal["m", "h", "d"]
_GRAINS: dict[str, PaneGrain] = {"m": "m", "h": "h", "d": "d"}


def grain_of(text: str) -> PaneGrain:
    """The grain that this letter names; KeyError when it names none."""
    return _GRAINS[text]


def is_within(grain: PaneGrain, other: PaneGrain) -> bool:
    """Whether panes of `grain` nest in panes of `other`.

    >>> is_within("m", "d"), is_within("h", "m")
    (True, False)
    """
    order = "mhd"
    return order.index(grain) <= order.index(other)


class Interval(NamedTuple):
    """Half-open: the start is inside, the end is not.

    >>> Interval(0, 60).holds(0), Interval(0, 60).holds(60)
    (True, False)
    """

    start: int
    end: int

    def holds(self, ms: int) -> bool:
        """Whether this instant lies in it."""
        return self.start <= ms < self.end


@dataclass(frozen=True, slots=True)
class Rolling:
    """The last `length_ms`; its panes are of `grain`, and its far edge steps with them.

    >>> calendar = Calendar("Etc/UTC")
    >>> rolling("24h").at(90_000_000, calendar)  # at 01:00 of the second day
    Interval(start=3600000, end=90000000)
    >>> rolling("24h").at(90_060_000, calendar)  # at 01:01: the edge waits for the hour
    Interval(start=3600000, end=90060000)
    """

    name: str
    length_ms: int
    grain: PaneGrain

    def at(self, end_ms: int, calendar: Calendar) -> Interval:
        """What it covers when the pane that ends at `end_ms` closes."""
        return Interval(calendar.floor(self.grain, end_ms - self.length_ms), end_ms)

    def takes(self, grain: PaneGrain) -> bool:
        """Whether panes of this grain can be added to it and taken away again."""
        return is_within(grain, self.grain)

    def leaves(self, pane_start: int, calendar: Calendar) -> int:
        """The first pane end at which this pane (of its grain) is outside."""
        return calendar.end(self.grain, pane_start) + self.length_ms


@dataclass(frozen=True, slots=True)
class ToDate:
    """From the start of the calendar period that the closing pane lies in.

    At the period's end it covers the whole period; one pane later the next period has begun.
    """

    name: str
    period: Period

    grain: PaneGrain = "d"

    def at(self, end_ms: int, calendar: Calendar) -> Interval:
        """What it covers when the pane that ends at `end_ms` closes."""
        return Interval(calendar.floor(self.period, end_ms - 1), end_ms)

    def takes(self, grain: PaneGrain) -> bool:
        """Whether panes of this grain can be added to it."""
        return is_within(grain, self.grain)

    def closes(self, start: int, calendar: Calendar) -> int:
        """The pane end at which the period that begins at `start` is whole."""
        return calendar.end(self.period, start)


Spec = Rolling | ToDate


def rolling(window: str) -> Rolling:
    """The rolling window of this name; KeyError when there is none."""
    length = ROLLING_MS[window]
    return Rolling(window, length, "m" if length <= HOUR_MS else "h")


def spec_of(window: str) -> Spec:
    """The specification of a window by its name in the catalogue.

    >>> spec_of("week")
    ToDate(name='week', period='week', grain='d')
    """
    return ToDate(window, cast(Period, window)) if window in CALENDAR else rolling(window)
