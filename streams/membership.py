"""In whose name offsets are committed: as the member that was given the partitions, or not at all."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata


class Membership(NamedTuple):
    """A member of a consumer group, and the generation of which it is one (−1: of none)."""

    member: str
    generation: int

    @classmethod
    def of(cls, coordinator: Any) -> "Membership":
        """The one that a client's coordinator has now."""
        return cls(coordinator.member_id, coordinator.generation)


#: of no group
NOBODY = Membership("", -1)


async def commit_as(
    coordinator: Any, membership: Membership, offsets: Mapping[TopicPartition, OffsetAndMetadata]
) -> None:
    """Commit offsets as this member in this generation; CommitFailedError when that has passed.

    The client commits as whatever it is at that moment: a member of no generation, whom the broker believes
    where a group is empty, or of a new one, for which its partitions are not yet read back.
    """
    while True:
        await coordinator.ensure_coordinator_known()
        try:
            async with coordinator._commit_lock:
                if membership.generation < 0 or Membership.of(coordinator) != membership:
                    raise CommitFailedError(f"{membership} has passed")
                await coordinator._do_commit_offsets(None, offsets)
                return
        except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError) as error:
            raise CommitFailedError(f"{membership} is none any more") from error
        except KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(coordinator._retry_backoff_ms / 1000)
