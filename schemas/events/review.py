"""A review: what a customer says of what was bought."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from schemas.base import Text
from schemas.events._base import Event
from schemas.events._fields import EventField, Id, LongText, refused
from schemas.refusal import RefusalReason

TOPIC = "feedback.v1"
KEY = "event_id"
TITLE = Text(en="Review", zh="评价")


class Review(Event):
    """A rating from 1 to 5, or a sentiment label where no rating was given; the rating decides if both are.

    Derived: `bad` is 1 for a rating of at most 2 or the label negative, `good` is 1 for a rating of at
    least 4 or the label positive; else 0. So that `sum: bad` over `count` is the ratio of bad reviews,
    rated or labelled.
    """

    DERIVED: ClassVar[Mapping[str, EventField]] = {
        "bad": EventField(True, derived=True),
        "good": EventField(True, derived=True),
    }

    kind: Literal["review"]
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    sentiment: Literal["positive", "neutral", "negative"] | None = None
    text: LongText | None = None
    order_id: Id | None = None

    @classmethod
    def derive(cls, event: dict[str, Any]) -> dict[str, Any]:
        """Add `bad` and `good`; refuses a review with neither rating nor label."""
        rating, sentiment = event.get("rating"), event.get("sentiment")
        if rating is not None:
            event["bad"], event["good"] = int(rating <= 2), int(rating >= 4)
        elif sentiment is not None:
            event["bad"], event["good"] = int(sentiment == "negative"), int(sentiment == "positive")
        else:
            raise refused(RefusalReason.NOT_RATED, "a review has a rating or a sentiment")
        return event


MODEL = Review
EXAMPLE = {
    "kind": "review",
    "event_id": "review-88213",
    "occurred_at": "2025-11-22T20:15:07.250+08:00",
    "dimensions": {"region": "East", "product_line": "Bikes", "channel": "app"},
    "rating": 2,
    "text": "送得太慢，包装也破了",
    "order_id": "20251122-0042",
}
