"""What a window should hold by the same window earlier: which panes it is made of, and with what weight.

Decides only the composition of an interval from the panes that are still kept: whole days where days are
whole, hours where hours are kept, minutes where minutes are kept; a pane that is cut by an edge counts in
proportion to the time that lies inside (linear pacing). Expectations may be paced; figures never are.
"""

from collections.abc import Iterator
from typing import NamedTuple

from streams.windows.panes import Calendar
from streams.windows.spans import Interval, PaneGrain, Spec


class Piece(NamedTuple):
    """One pane of a composition and the part of it that lies inside, 0 < weight ≤ 1."""

    grain: PaneGrain
    start: int
    weight: float


class Kept(NamedTuple):
    """The starts of the oldest minute and hour that are kept."""

    minutes_from: int
    hours_from: int


def earlier(spec: Spec, end_ms: int, ago_ms: int, calendar: Calendar) -> Interval:
    """The same window, `ago_ms` back: both edges are shifted, whole days as business days.

    >>> from streams.windows.spans import spec_of
    >>> earlier(spec_of("1h"), 700_020_000, 604_800_000, Calendar("Etc/UTC"))
    Interval(start=91620000, end=95220000)
    """
    now = spec.at(end_ms, calendar)
    return Interval(calendar.ago(now.start, ago_ms), calendar.ago(now.end, ago_ms))


def compose(interval: Interval, calendar: Calendar, kept: Kept) -> list[Piece]:
    """The panes that make up an interval, in order of time; none for an empty one.

    >>> hour = 3_600_000
    >>> compose(Interval(hour // 2, 2 * hour), Calendar("Etc/UTC"), Kept(2**60, 0))
    [Piece(grain='h', start=0, weight=0.5), Piece(grain='h', start=3600000, weight=1.0)]
    """
    return list(_cover("d", interval, calendar, kept)) if interval.start < interval.end else []


def _cover(grain: PaneGrain, interval: Interval, calendar: Calendar, kept: Kept) -> Iterator[Piece]:
    start = calendar.floor(grain, interval.start)
    while start < interval.end:
        end = calendar.end(grain, start)
        inside = Interval(max(start, interval.start), min(end, interval.end))
        finer: PaneGrain | None = "h" if grain == "d" else "m" if grain == "h" else None
        oldest = kept.hours_from if finer == "h" else kept.minutes_from
        if inside == (start, end) or finer is None or start < oldest:
            yield Piece(grain, start, (inside.end - inside.start) / (end - start))
        else:
            yield from _cover(finer, inside, calendar, kept)
        start = end
