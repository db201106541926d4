"""One record of every kind that cannot be read, with the reason that must stand on its dead letter.

The reason travels in a header, so that the recount knows from the log alone what must be refused.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

#: header: why the record must be refused
EXPECT = "faults-expect"
#: bytes of a value that is over the suite's limit
TOO_LARGE = 20_001


class Poison(NamedTuple):
    """What is sent to a topic (without prefix), and why it must be refused."""

    topic: str
    value: bytes | None
    reason: str


def _order(at_ms: int, number: int, **changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "kind": "order",
        "event_id": f"poison-{number}",
        "occurred_at": at_ms,
        "order_id": f"p{number}",
        "line": 1,
        "amount": "10.00",
        "currency": "CNY",
        "quantity": 1,
    } | changes
    return {name: value for name, value in event.items() if value is not ...}


def _review(at_ms: int, number: int, **changes: Any) -> dict[str, Any]:
    return {"kind": "review", "event_id": f"poison-{number}", "occurred_at": at_ms, **changes}


def _bytes(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


Make = Callable[[int, int], Poison]


def _sales(reason: str, **changes: Any) -> Make:
    return lambda at, number: Poison("sales.v1", _bytes(_order(at, number, **changes)), reason)


def _feedback(reason: str, **changes: Any) -> Make:
    return lambda at, number: Poison("feedback.v1", _bytes(_review(at, number, **changes)), reason)


def _raw(reason: str, value: bytes | None) -> Make:
    return lambda _at, _number: Poison("sales.v1", value, reason)


def _reply(at_ms: int, number: int) -> Poison:
    event = {"kind": "reply", "event_id": f"poison-{number}", "occurred_at": at_ms, "replied_to": "r"}
    return Poison("feedback.v1", _bytes(event | {"replied_to_at": at_ms + 60_000}), "answered_before")


MAKES: tuple[Make, ...] = (
    _raw("tombstone", None),
    _raw("too_large", b"{" + b" " * TOO_LARGE + b"}"),
    _raw("not_utf8", b'{"kind": "order", "event_id": "\xff\xfe"}'),
    _raw("not_json", b'{"kind": "order"'),
    _raw("not_an_object", b'["order"]'),
    _sales("unknown_kind", kind="gift"),
    lambda at, number: Poison("sales.v1", _bytes(_review(at, number, rating=5)), "wrong_topic"),
    _sales("missing_field", amount=...),
    _sales("unknown_field", colour="red"),
    _sales("unknown_dimension", dimensions={"planet": "Mars"}),
    _sales("wrong_type", quantity="5"),
    _sales("empty", order_id=""),
    _sales("too_long", order_id="x" * 201),
    _sales("bad_characters", dimensions={"region": "Ea\u0007st"}),
    _feedback("not_allowed", sentiment="angry"),
    _feedback("out_of_range", rating=6),
    _sales("too_many_attributes", attributes={f"a{at}": at for at in range(17)}),
    _sales("bad_time", occurred_at="yesterday"),
    _sales("no_offset", occurred_at="2026-03-10T10:00:00"),
    _sales("before_2000", occurred_at=1_000_000),
    lambda at, number: Poison("sales.v1", _bytes(_order(at + 3_600_000, number)), "from_the_future"),
    _sales("bad_number", amount="ten"),
    _sales("too_many_decimals", amount="1.005"),
    _sales("negative_amount", amount="-1.00"),
    _sales("amount_too_large", amount="100000000000000.00"),
    _sales("other_currency", currency="USD"),
    _feedback("not_rated"),
    _reply,
)


def draw(rng: Random, at_ms: int, number: int) -> Poison:
    """Any of them, at this moment."""
    return rng.choice(MAKES)(at_ms, number)
