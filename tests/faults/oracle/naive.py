"""One figure as a plain sum over all events: slow, and too short to be wrong.

For tests of `figures.py`.
"""

from collections.abc import Sequence

from tests.faults.oracle.counted import Counted, Part, part_of
from tests.faults.oracle.figures import Series, Value
from tests.faults.oracle.kpis import FORMULAS, Held
from tests.faults.oracle.shape import DAY_MS, Shape
from tests.faults.oracle.windows import CALENDAR, Clockwork, takes


def value_of(events: Sequence[Counted], series: Series, end_ms: int, last_end_ms: int, shape: Shape) -> Value:
    """The value of a series that must finally stand at this pane end, when `last_end_ms` has been judged."""
    clock = Clockwork(shape.zone, shape.week_start)
    start = clock.start_at(series.window, end_ms)
    inside = [
        event
        for event in events
        if takes(series.window, event.grain)
        and all(event.leaf[shape.dimensions.index(name)] == value for name, value in series.scope)
        and start <= event.start_ms < end_ms
    ]
    is_whole = series.window in CALENDAR and clock.period(series.window, start) == (start, end_ms)
    known = [event for event in inside if event.enters_ms <= end_ms]
    for event in inside if is_whole else ():
        oldest = clock.period("day", event.enters_ms - shape.keep_days_ms - DAY_MS)[0]
        if end_ms < event.enters_ms <= last_end_ms and start >= oldest:
            known.append(event)
    return FORMULAS[series.kpi](_sum([part_of(event.event, event.delay_ms) for event in known]))


def _sum(parts: list[Part]) -> Held:
    names = {name for part in parts for name in part.sums}
    sums = {name: sum(part.sums.get(name, 0) for part in parts) for name in names}

    def all_of(name: str) -> list[int]:
        return [part.extremes[name] for part in parts if name in part.extremes]

    extremes = {
        "largest": max(all_of("largest"), default=None),
        "smallest": min(all_of("smallest"), default=None),
        "slowest": max(all_of("slowest"), default=None),
    }
    return Held(sums, extremes)
