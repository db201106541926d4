"""A mention: somebody speaks of the company in public."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Text
from schemas.events._base import Event
from schemas.events._fields import LongText, Polarity, Word

TOPIC = "sentiment.v1"
KEY = "event_id"
TITLE = Text(en="Mention", zh="舆情提及")


class Mention(Event):
    """`polarity` from −1 (hostile) to 1 (friendly), kept to six decimals; `reach` is how many may have seen
    it.

    In a measure's `where`, polarity is in millionths: at most −0.2 is `{max: -200000}`.
    """

    kind: Literal["mention"]
    platform: Word
    text: LongText | None = None
    polarity: Polarity
    reach: Annotated[int, Field(ge=0, le=10**11)] = 0


MODEL = Mention
EXAMPLE = {
    "kind": "mention",
    "event_id": "weibo-4987123400021",
    "occurred_at": "2025-11-22T12:31:44+08:00",
    "dimensions": {"region": "East", "product_line": "Bikes"},
    "platform": "weibo",
    "text": "新车很好骑",
    "polarity": 0.82,
    "reach": 1400,
}
