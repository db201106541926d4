"""The number of an ownership: where in its changelog the record lies that an owner writes before it reads.

Later owners have higher numbers, whatever is written when: after its record an owner asks whether it still
is one, and only then reads. Who slept over the end of its time finds out there; who sleeps afterwards has a
lower number than every successor, so that a commit it still writes counts for nobody.
"""

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from faust.types import TP

from schemas.errors import StateError

if TYPE_CHECKING:
    from agents.stage import Stage

CLAIM = b"claim"


class Claim(NamedTuple):
    """The number of an ownership, and the offset that was acknowledged when it began (0: none)."""

    number: int
    acknowledged: int


async def claim(stage: "Stage[Any]", tp: TP) -> Claim:
    """The claim of the ownership that begins; as `overtaken` where its time is over already."""
    changelog = stage.names.changelog(stage.name, tp.topic)
    sent = await stage.sender.send(changelog, b"", key=CLAIM, partition=tp.partition)
    (place,) = await stage.sender.confirmed([sent])
    if place.offset < 0:
        raise StateError(f"the broker did not tell where a record of {changelog} is", remedy="start again")
    acknowledged = await stage.consumer.acknowledged(tp) or 0
    if not await stage.consumer.commit_offsets({tp: acknowledged}):
        await overtaken(stage)
    return Claim(place.offset, acknowledged)


async def overtaken(stage: "Stage[Any]") -> NoReturn:
    """Wait for the next assignment, which ends the recovery; where none comes, the watch ends the process."""
    stage.watch.acknowledged(taken=False)
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")
