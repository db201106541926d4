"""A reply: the company answers a review or a complaint."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from schemas.base import Text
from schemas.events._base import Event
from schemas.events._fields import EventField, Id, Moment, refused
from schemas.refusal import RefusalReason

TOPIC = "feedback.v1"
KEY = "replied_to"
TITLE = Text(en="Reply", zh="回复")


class Reply(Event):
    """An answer given at `occurred_at` to the event `replied_to`, which had come at `replied_to_at`.

    Derived: `waited`, the milliseconds between the two. Replies within 24 hours are those
    `where: {waited: {max: 86400000}}`; as the value of a sum or maximum it is in seconds.
    """

    DERIVED: ClassVar[Mapping[str, EventField]] = {"waited": EventField(True, scale=1000, derived=True)}

    kind: Literal["reply"]
    replied_to: Id
    replied_to_at: Moment

    @classmethod
    def derive(cls, event: dict[str, Any]) -> dict[str, Any]:
        """Add `waited`; refuses a reply that is older than what it answers."""
        event["waited"] = event["occurred_at"] - event["replied_to_at"]
        if event["waited"] < 0:
            raise refused(RefusalReason.ANSWERED_BEFORE, "the reply is older than what it answers")
        return event


MODEL = Reply
EXAMPLE = {
    "kind": "reply",
    "event_id": "reply-88213-1",
    "occurred_at": "2025-11-23T09:05:00+08:00",
    "dimensions": {"region": "East", "product_line": "Bikes", "channel": "app"},
    "replied_to": "review-88213",
    "replied_to_at": "2025-11-22T20:15:07.250+08:00",
}
