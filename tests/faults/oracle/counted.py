"""An event that was counted, and what it brings to each measure: integers of the smallest unit.

Plain Python over the parsed JSON of a source record. Decides no time: in which pane an event counts, and from
which pane end on, is told by whoever recounts the topics.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

#: how the values put up for an extreme are decided between
EXTREMES: dict[str, Callable[[int, int], int]] = {"largest": max, "smallest": min, "slowest": max}


class Counted(NamedTuple):
    """One event that stands in the figures.

    `grain` is the pane it was counted in (m, h or d; late events in hours and days), `start_ms` that pane's
    start. `enters_ms` is the first pane end whose figures hold it: the end of the minute pane in which it
    became known, in the ordinary case. `leaf` has a value for each dimension. `event` is the parsed JSON;
    its amount is decimal text, a Decimal or an int, its polarity any number.
    """

    grain: str
    start_ms: int
    enters_ms: int
    leaf: tuple[str, ...]
    event: dict[str, Any]
    delay_ms: int


class Part(NamedTuple):
    """What an event adds: to sums by name, and the values it puts up for largest and smallest."""

    sums: dict[str, int]
    extremes: dict[str, int]


def part_of(event: dict[str, Any], delay_ms: int) -> Part:
    """The part of one event; one whose kind no KPI reads has none."""
    kind = event["kind"]
    if kind == "order":
        cents = _scaled(event["amount"], 100)
        first = int(event["line"] == 1)
        sums = {"gross": cents, "orders": first, "units": event["quantity"]}
        return Part(sums, {"largest": cents, "smallest": cents, "slowest": delay_ms})
    if kind == "refund":
        return Part({"returned": _scaled(event["amount"], 100)}, {"slowest": delay_ms})
    return Part(_opinion(event), {})


def together(parts: Sequence[Part]) -> Part:
    """Several parts as one: sums added up, the most extreme of the extremes.

    >>> together([Part({"units": 2}, {"smallest": 7}), Part({"units": 1}, {"smallest": 5})])
    Part(sums={'units': 3}, extremes={'smallest': 5})
    """
    sums: dict[str, int] = {}
    extremes: dict[str, int] = {}
    for part in parts:
        for name, amount in part.sums.items():
            sums[name] = sums.get(name, 0) + amount
        for name, value in part.extremes.items():
            extremes[name] = EXTREMES[name](extremes.get(name, value), value)
    return Part(sums, extremes)


def _opinion(event: dict[str, Any]) -> dict[str, int]:
    if event["kind"] == "review" and event.get("rating") is not None:
        stars = event["rating"]
        return {"stars": stars, "rated": 1, "bad": int(stars <= 2), "one_star": int(stars == 1)}
    if event["kind"] == "complaint":
        return {"complaints": 1}
    if event["kind"] == "mention":
        millionths = _scaled(event["polarity"], 1_000_000)
        return {"polarity": millionths, "mentions": 1, "negative": int(millionths <= -200_000)}
    return {}


def _scaled(number: Any, scale: int) -> int:
    """A decimal as an integer of its smallest unit; what is finer is rounded half to even."""
    return round(Decimal(str(number)) * scale)
