"""A complaint: a customer who wants something put right."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Text
from schemas.events._base import Event
from schemas.events._fields import LongText, Word

TOPIC = "feedback.v1"
KEY = "event_id"
TITLE = Text(en="Complaint", zh="投诉")


class Complaint(Event):
    """`severity` from 1 (a remark) to 5 (harm done)."""

    kind: Literal["complaint"]
    category: Word
    severity: Annotated[int, Field(ge=1, le=5)]
    text: LongText | None = None


MODEL = Complaint
EXAMPLE = {
    "kind": "complaint",
    "event_id": "complaint-5521",
    "occurred_at": "2025-11-22T11:42:00+08:00",
    "dimensions": {"region": "East", "channel": "phone"},
    "category": "delivery",
    "severity": 3,
    "text": "Third time that nobody came.",
}
