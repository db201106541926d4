"""The seeded scenario: what happens in the shops, minute by minute, as events.

Last week the same hours were normal. Today begins normal; then the East region's orders fall and bad reviews
rise; then it recovers. Decides what is published and when it happened; refuses to know how fast it is played.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from schemas.period import DAY_MS, HOUR_MS, MINUTE_MS

REGIONS = ("East", "South", "West", "North")
LINES = {"accessories": 60, "bikes": 520, "clothing": 90}
SHOPS = ("store", "online")
#: what is left of the East's orders while it is ill
_LEFT = 0.05
_ORDERS_A_MINUTE = 8
_TEXTS_GOOD = ("很快，包装完好", "好用，会再买", "Works as described", "Friendly and quick")
_TEXTS_BAD = ("等了一周还没到", "客服不回消息", "Arrived broken", "Nobody answers the phone")


class Sent(NamedTuple):
    """One event of the scenario: when it happened, its topic (without prefix), its key and its fields."""

    at_ms: int
    topic: str
    key: str
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The turning points of today, in epoch ms: normal from `begin`, ill from `fall`, well from `recover`.

    >>> day = timeline(end_ms=10 * HOUR_MS)
    >>> day.begin < day.play < day.fall < day.recover < day.end
    True
    """

    begin: int
    play: int
    fall: int
    recover: int
    end: int


def timeline(end_ms: int) -> Timeline:
    """A morning that ends at `end_ms`, cut to whole minutes: what is before `play` is sent at once."""
    end = end_ms // MINUTE_MS * MINUTE_MS
    recover = end - 80 * MINUTE_MS
    fall = recover - 65 * MINUTE_MS
    play = fall - 5 * MINUTE_MS
    return Timeline(begin=play - 2 * HOUR_MS, play=play, fall=fall, recover=recover, end=end)


def history(day: Timeline, seed: int) -> Iterator[Sent]:
    """The same hours a week ago, all of them normal, in order of time."""
    week = 7 * DAY_MS
    well = replace(day, begin=day.begin - week, fall=day.end + week, recover=day.end + week)
    yield from play(well, seed, day.begin - week, day.end - week)


def play(day: Timeline, seed: int, start_ms: int, stop_ms: int) -> Iterator[Sent]:
    """What happens in `[start_ms, stop_ms)`, in order of time; the same seed gives the same events."""
    for minute in range(start_ms // MINUTE_MS * MINUTE_MS, stop_ms, MINUTE_MS):
        rng = Random(f"{seed}:{minute}")
        sent = [one for region in REGIONS for one in _minute(day, rng, minute, region)]
        yield from sorted((one for one in sent if start_ms <= one.at_ms < stop_ms), key=lambda one: one.at_ms)


def _minute(day: Timeline, rng: Random, minute: int, region: str) -> Iterator[Sent]:
    ill = region == "East" and day.fall <= minute < day.recover
    orders = _ORDERS_A_MINUTE if not ill else sum(rng.random() < _LEFT for _ in range(_ORDERS_A_MINUTE))
    for number in range(orders):
        yield _order(rng, minute, region, number)
    yield from _visits(rng, minute, region, _ORDERS_A_MINUTE)
    if rng.random() < (0.9 if ill else 0.35):
        yield _review(rng, minute, region, bad=rng.random() < (0.85 if ill else 0.04))
    if rng.random() < 0.2:
        yield _mention(rng, minute, region, ill)


def _common(rng: Random, minute: int, region: str, line: str | None = None) -> tuple[int, dict[str, Any]]:
    at_ms = minute + rng.randrange(MINUTE_MS)
    dimensions = {"region": region, "channel": rng.choice(SHOPS)}
    if line:
        dimensions["product_line"] = line
    return at_ms, {"occurred_at": at_ms, "dimensions": dimensions}


def _order(rng: Random, minute: int, region: str, number: int) -> Sent:
    line, price = rng.choice(list(LINES.items()))
    at_ms, event = _common(rng, minute, region, line)
    order_id = f"{region}-{minute // MINUTE_MS}-{number}"
    amount = price * rng.uniform(0.9, 1.1)
    event |= {
        "kind": "order",
        "event_id": f"order-{order_id}-1",
        "order_id": order_id,
        "line": 1,
        "customer_id": f"c{rng.randrange(5000)}",
        "amount": f"{amount:.2f}",
        "currency": "CNY",
        "quantity": 1,
        "discount": f"{amount * 0.02:.2f}",
    }
    return Sent(at_ms, "sales.v1", order_id, event)


def _visits(rng: Random, minute: int, region: str, orders: int) -> Iterator[Sent]:
    for step, count in (
        ("exposure", orders * 60),
        ("click", orders * 12),
        ("cart", orders * 2),
        ("checkout", orders),
    ):
        at_ms, event = _common(rng, minute, region)
        event_id = f"visit-{region}-{minute // MINUTE_MS}-{step}"
        event |= {"kind": "visit", "event_id": event_id, "step": step, "count": count}
        yield Sent(at_ms, "sales.v1", event_id, event)


def _review(rng: Random, minute: int, region: str, *, bad: bool) -> Sent:
    at_ms, event = _common(rng, minute, region, rng.choice(list(LINES)))
    event_id = f"review-{region}-{minute // MINUTE_MS}"
    rating = 2 if bad else rng.choice((4, 5))
    event |= {
        "kind": "review",
        "event_id": event_id,
        "rating": rating,
        "text": rng.choice(_TEXTS_BAD if bad else _TEXTS_GOOD),
    }
    return Sent(at_ms, "feedback.v1", event_id, event)


def _mention(rng: Random, minute: int, region: str, ill: bool) -> Sent:
    at_ms, event = _common(rng, minute, region)
    event_id = f"mention-{region}-{minute // MINUTE_MS}"
    polarity = rng.uniform(-0.9, -0.3) if ill else rng.uniform(-0.1, 0.8)
    event |= {
        "kind": "mention",
        "event_id": event_id,
        "platform": "weibo",
        "text": "…",
        "polarity": f"{polarity:.3f}",
        "reach": rng.randrange(10, 2000),
    }
    return Sent(at_ms, "sentiment.v1", event_id, event)
