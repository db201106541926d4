"""Fakes at the two ports under a stage: a producer whose confirmations the test gives, and a consumer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faust.types import TP


class Sent(NamedTuple):
    """A record handed to the producer."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None
    headers: Any
    confirmation: "asyncio.Future[Place]"


class Place(NamedTuple):
    """Where the broker put a record."""

    offset: int


@dataclass
class FakeProducer:
    """Takes records; confirms at once, or when the test says so, or never."""

    journal: list[str]
    hold: bool = False
    sent: list[Sent] = field(default_factory=list)
    fail_topic: str = ""
    error: Exception | None = None

    async def send(self, topic, key, value, partition, timestamp, headers) -> "asyncio.Future[Place]":
        confirmation: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self.sent.append(Sent(topic, key, value, partition, headers, confirmation))
        self.journal.append(f"send {topic}")
        if self.error is not None and topic == self.fail_topic:
            confirmation.set_exception(self.error)
        elif not self.hold:
            confirmation.set_result(Place(len(self.sent) - 1))
        return confirmation

    def confirm(self) -> None:
        """Let the broker have everything that was sent."""
        for one in self.sent:
            if not one.confirmation.done():
                one.confirmation.set_result(Place(0))

    def values(self, topic: str) -> list[bytes | None]:
        """What was sent to a topic, in order."""
        return [one.value for one in self.sent if one.topic == topic]


@dataclass
class FakeConsumer:
    """Notes what is acknowledged; `owner` False plays the broker that knows of a newer generation."""

    journal: list[str]
    owner: bool = True
    ends_known: dict[TP, int] = field(default_factory=dict)
    delivered: dict[TP, int] = field(default_factory=dict)
    sought: dict[TP, int | None] = field(default_factory=dict)
    begin: int = 0
    committed: dict[TP, int] = field(default_factory=dict)

    def join(self) -> None:
        self.journal.append("join")

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        self.journal.append("acknowledge")
        if self.owner:
            self.committed.update(offsets)
        return self.owner

    async def ends(self, *partitions: TP) -> dict[TP, int]:
        return {tp: self.ends_known.get(tp, 0) for tp in partitions}

    async def acknowledged(self, tp: TP) -> int | None:
        return self.committed.get(tp)

    async def at(self, tp: TP) -> int | None:
        return self.ends_known.get(tp)

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, self.begin)

    def end(self, tp: TP) -> int | None:
        return self.ends_known.get(tp)

    def topic_partitions(self, topic: str) -> int:
        return 1
