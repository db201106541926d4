"""A survey answer: how likely a customer is to recommend the company."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Text
from schemas.events._base import Event
from schemas.events._fields import LongText

TOPIC = "feedback.v1"
KEY = "event_id"
TITLE = Text(en="Survey answer", zh="调查问卷")


class Survey(Event):
    """`score` from 0 to 10: promoters give at least 9, detractors at most 6."""

    kind: Literal["survey"]
    score: Annotated[int, Field(ge=0, le=10)]
    text: LongText | None = None


MODEL = Survey
EXAMPLE = {
    "kind": "survey",
    "event_id": "survey-2025-11-9931",
    "occurred_at": "2025-11-22T18:00:00+08:00",
    "dimensions": {"region": "East"},
    "score": 9,
}
