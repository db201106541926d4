"""The number of an ownership: where in its changelog the record lies that an owner writes before it reads.

Later owners have higher numbers, whatever is written when: after its record an owner asks whether it still
is one, and only then reads. Who slept over the end of its time finds out there; who sleeps afterwards has a
lower number than every successor, so that a commit it still writes counts for nobody.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from faust.types import TP

if TYPE_CHECKING:
    from agents.stage import Stage

CLAIM = b"claim"


async def claim(stage: "Stage[Any]", tp: TP) -> int:
    """The number of the ownership that begins.

    Never returns to who is overtaken: the next assignment ends it.
    """
    changelog = stage.names.changelog(stage.name, tp.topic)
    sent = await stage.sender.send(changelog, b"", key=CLAIM, partition=tp.partition)
    (place,) = await stage.sender.confirmed([sent])
    taken = await stage.consumer.commit_offsets({tp: await stage.consumer.acknowledged(tp) or 0})
    stage.watch.acknowledged(taken=taken)
    if not taken:
        await asyncio.Event().wait()
    return int(place.offset)
