"""The events that topics are filled with: made from their number, so that the same number is the same event.

An event knows its topic (without prefix) and its partition. Every source partition sees every leaf.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from schemas.events import KINDS

PARTITIONS = 4
#: how many events share a second of event time
PER_SECOND = 2_000
SALES = KINDS["order"].topic


class Leaves(NamedTuple):
    """So many values of region, product line and channel."""

    regions: int
    lines: int
    channels: int

    def dimensions(self, number: int) -> dict[str, str]:
        """The dimensions of a leaf by its number."""
        rest, channel = divmod(number, self.channels)
        region, line = divmod(rest, self.lines)
        return {
            "region": f"region-{region % self.regions}",
            "product_line": f"line-{line}",
            "channel": f"channel-{channel}",
        }

    @property
    def all(self) -> int:
        """How many leaves there are."""
        return self.regions * self.lines * self.channels


FEW = Leaves(20, 5, 4)
MANY = Leaves(50, 40, 10)


class Made(NamedTuple):
    """A value, and where it belongs."""

    topic: str
    partition: int
    value: bytes


def begin_ms(count: int, now_ms: int) -> int:
    """When the first of so many events happened, if the last one happens now."""
    return now_ms - count * 1000 // PER_SECOND


def orders(count: int, leaves: Leaves, first_ms: int) -> Iterator[Made]:
    """Orders of about 200 bytes, times in milliseconds, amounts as numbers."""
    places = _places(leaves)
    for number in range(count):
        event = {
            "kind": "order",
            "event_id": f"o{number}",
            "occurred_at": first_ms + number * 1000 // PER_SECOND,
            "dimensions": places[number // PARTITIONS * 7919 % leaves.all],
            "order_id": f"o{number}",
            "line": 1,
            "amount": number % 50_000 / 100,
            "currency": "CNY",
            "quantity": 1 + number % 3,
        }
        yield Made(SALES, number % PARTITIONS, orjson.dumps(event))


def mixed(count: int, leaves: Leaves, first_ms: int, per_second: int = PER_SECOND) -> Iterator[Made]:
    """Every kind, of all three topics; times as RFC 3339 text, amounts as decimal text."""
    places = _places(leaves)
    for number in range(count):
        at_ms = first_ms + number * 1000 // per_second
        yield one_of_the_mix(number, at_ms, places[number // len(_TURNS) * 7919 % leaves.all])


def one_of_the_mix(number: int, at_ms: int, dimensions: dict[str, str]) -> Made:
    """The event of this number, of the kind whose turn it is."""
    kind = _TURNS[number % len(_TURNS)]
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    event = {"kind": kind, "event_id": f"m{number}", "occurred_at": moment, "dimensions": dimensions}
    event |= _FIELDS[kind](number, moment)
    return Made(KINDS[kind].topic, number // len(_TURNS) % PARTITIONS, orjson.dumps(event))


def _places(leaves: Leaves) -> list[dict[str, str]]:
    return [leaves.dimensions(number) for number in range(leaves.all)]


def _price(number: int) -> str:
    return f"{number % 4999}.{number % 100:02}"


_FIELDS: dict[str, Callable[[int, str], dict[str, Any]]] = {
    "order": lambda number, _: {
        "order_id": f"m{number}", "line": 1, "amount": _price(number), "currency": "CNY",
        "quantity": 1 + number % 3, "customer_id": f"c{number % 100_000}", "discount": "5.00",
    },
    "refund": lambda number, _: {"amount": _price(number), "currency": "CNY", "reason": "damaged"},
    "visit": lambda number, _: {"step": ("exposure", "click", "cart", "checkout")[number % 4], "count": 3},
    "review": lambda number, _: {"rating": 2 + number % 4, "text": "送得快，包装完好"},
    "complaint": lambda number, _: {"category": "delivery", "severity": 1 + number % 5},
    "survey": lambda number, _: {"score": number % 11},
    "reply": lambda number, moment: {"replied_to": f"r{number}", "replied_to_at": moment},
    "mention": lambda number, _: {"platform": "weibo", "polarity": number % 200 / 100 - 1, "reach": 140},
}  # fmt: skip
#: how often each kind comes among twenty events
_OFTEN = {
    "order": 9, "visit": 4, "refund": 1, "review": 2, "survey": 1, "complaint": 1, "reply": 1, "mention": 1,
}  # fmt: skip
_TURNS = [kind for kind, often in _OFTEN.items() for _ in range(often)]


def topics_of(events: Iterable[Made]) -> set[str]:
    """The topics that these events belong to."""
    return {event.topic for event in events}
