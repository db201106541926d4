"""Offsets are committed as the member that was given the partitions, or not at all."""

import asyncio
from collections.abc import Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    KafkaError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata

from streams.membership import NOBODY, Membership, commit_as

OFFSETS = {TopicPartition("t", 0): OffsetAndMetadata(7, "")}


class Coordinator:
    """Plays the client's: takes a commit, or fails as often as it is told."""

    def __init__(self, member: str, generation: int, *failures: KafkaError) -> None:
        self.member_id, self.generation = member, generation
        self._retry_backoff_ms = 1
        self._commit_lock = asyncio.Lock()
        self._failures = list(failures)
        self.taken: list[Mapping[TopicPartition, OffsetAndMetadata]] = []
        self.rejoins_after_failure = False

    async def ensure_coordinator_known(self) -> None:
        await asyncio.sleep(0)

    async def _do_commit_offsets(
        self, _assignment: object, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        if self._failures:
            if self.rejoins_after_failure:
                self.generation += 1
            raise self._failures.pop(0)
        self.taken.append(offsets)


async def test_who_was_given_the_partitions_commits() -> None:
    coordinator = Coordinator("a", 3)
    await commit_as(coordinator, Membership.of(coordinator), OFFSETS)
    assert coordinator.taken == [OFFSETS]


@pytest.mark.parametrize(
    "membership", [Membership("a", 2), Membership("b", 3), NOBODY], ids=["generation", "member", "nobody"]
)
async def test_another_membership_commits_nothing(membership: Membership) -> None:
    coordinator = Coordinator("a", 3)
    with pytest.raises(CommitFailedError):
        await commit_as(coordinator, membership, OFFSETS)
    assert coordinator.taken == []


async def test_a_client_of_no_generation_commits_nothing_also_where_that_is_what_it_was() -> None:
    coordinator = Coordinator("", -1)
    with pytest.raises(CommitFailedError):
        await commit_as(coordinator, Membership.of(coordinator), OFFSETS)
    assert coordinator.taken == []


async def test_a_passing_failure_is_tried_again() -> None:
    coordinator = Coordinator("a", 3, CoordinatorNotAvailableError(), CoordinatorNotAvailableError())
    await commit_as(coordinator, Membership("a", 3), OFFSETS)
    assert coordinator.taken == [OFFSETS]


async def test_what_was_tried_in_one_generation_is_not_tried_again_in_the_next() -> None:
    coordinator = Coordinator("a", 3, CoordinatorNotAvailableError())
    coordinator.rejoins_after_failure = True
    with pytest.raises(CommitFailedError):
        await commit_as(coordinator, Membership("a", 3), OFFSETS)
    assert coordinator.taken == []


async def test_what_the_group_refuses_is_an_end_of_the_membership() -> None:
    with pytest.raises(CommitFailedError):
        await commit_as(Coordinator("a", 3, UnknownMemberIdError()), Membership("a", 3), OFFSETS)


async def test_what_never_passes_is_told() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await commit_as(Coordinator("a", 3, GroupAuthorizationFailedError("g")), Membership("a", 3), OFFSETS)
