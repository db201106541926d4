"""A visit: one step on the way to an order, or several of the same step counted by the sender."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Text
from schemas.events._base import Event

TOPIC = "sales.v1"
KEY = "event_id"
TITLE = Text(en="Visit", zh="访问")


class Visit(Event):
    """`count` visitors took `step`."""

    kind: Literal["visit"]
    step: Literal["exposure", "click", "cart", "checkout"]
    count: Annotated[int, Field(ge=1, le=10**9)] = 1


MODEL = Visit
EXAMPLE = {
    "kind": "visit",
    "event_id": "visit-20251122-1000-East-click",
    "occurred_at": 1763776800000,
    "dimensions": {"region": "East", "channel": "app"},
    "step": "click",
    "count": 12,
}
