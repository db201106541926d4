"""An order line: the unit in which sales are counted. An order is its line numbered 1."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Text
from schemas.events._base import Event
from schemas.events._fields import Currency, Id, Money, OptionalMoney, Quantity

TOPIC = "sales.v1"
KEY = "order_id"
TITLE = Text(en="Order line", zh="订单行")


class Order(Event):
    """One line of an order.

    `amount` is what the customer pays for the line, `discount` what was taken off its list price: both in the
    installation's currency, as number or decimal text. Every order has a line 1.
    """

    kind: Literal["order"]
    order_id: Id
    line: Annotated[int, Field(ge=1, le=1_000_000)]
    customer_id: Id | None = None
    amount: Money
    currency: Currency
    quantity: Quantity
    discount: OptionalMoney = 0


MODEL = Order
EXAMPLE = {
    "kind": "order",
    "event_id": "order-20251122-0042-1",
    "occurred_at": "2025-11-22T10:00:00+08:00",
    "dimensions": {"region": "East", "product_line": "Bikes", "channel": "store"},
    "attributes": {"cashier": "17"},
    "order_id": "20251122-0042",
    "line": 1,
    "customer_id": "c-77",
    "amount": "1299.00",
    "currency": "CNY",
    "quantity": 1,
    "discount": "100.00",
}
