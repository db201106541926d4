"""A tier: one rung of the graded alert state, with the clocks it starts."""

from typing import Literal

from pydantic import Field

from schemas.base import Model, Name, Text
from schemas.period import Duration

#: below the ladder
NONE = "none"

Clock = Literal["acknowledge", "escalate", "solve", "report"]


class Tier(Model):
    """One rung, from the catalogue's `tiers.yaml`; their order in the file is the ladder, mildest first.

    Clocks are durations from the transition's record time (`8wh` is 8 working hours); absent = no clock.
    """

    id: Name
    title: Text
    colour: str = Field(pattern=r"^#[0-9a-f]{6}$")
    meaning: Text
    decides: Text
    acknowledge: Duration | None = None
    escalate: Duration | None = None
    solve: Duration | None = None
    report: Duration | None = None
