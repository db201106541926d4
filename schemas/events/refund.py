"""A refund: money given back."""

from typing import Literal

from schemas.base import Text
from schemas.events._base import Event
from schemas.events._fields import Currency, Id, Money, Word

TOPIC = "sales.v1"
KEY = "order_id"
TITLE = Text(en="Refund", zh="退款")


class Refund(Event):
    """Money given back to a customer; `amount` is positive. `currency` may be left out."""

    kind: Literal["refund"]
    amount: Money
    currency: Currency | None = None
    reason: Word
    order_id: Id | None = None


MODEL = Refund
EXAMPLE = {
    "kind": "refund",
    "event_id": "refund-20251122-0007",
    "occurred_at": "2025-11-22T15:30:00+08:00",
    "dimensions": {"region": "East", "product_line": "Bikes", "channel": "store"},
    "amount": "1299.00",
    "currency": "CNY",
    "reason": "damaged",
    "order_id": "20251122-0042",
}
