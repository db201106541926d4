"""Changelogs: where a fold's rows are written, and read back from when its partition is taken over.

Reading goes by the consumer's position up to the end, so that compaction, gaps and tombstones at the end of
the log cannot make it wait for a record that will never come. Nothing is decided
here.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import BrokerError, StateError

Headers = list[tuple[str, bytes]]
#: header of a page or ledger: when the first event arrived that it adds (epoch ms; 0: none), for latency
ARRIVED = "planwatch-arrived"
Apply = Callable[[bytes, bytes | None], None]
#: records applied before other tasks get their turn
_SLICE = 2000
#: a changelog that gives nothing for so long cannot be read
_STILL_S = 60.0
_REMEDY = "look at the broker; it is safe to start again"


class _Collector:
    """How many readers want Python's garbage collector to keep still."""

    still = 0


@contextmanager
def collector_still() -> Iterator[None]:
    """No search for garbage meanwhile: a million cells that are read back are all alive, and looking at them
    again and again takes twice the time that reading does. May be nested and overlap."""
    _Collector.still += 1
    gc.disable()
    try:
        yield
    finally:
        _Collector.still -= 1
        if not _Collector.still:
            gc.enable()


async def read_changelog(bootstrap: str, topic: str, partition: int, apply: Apply) -> int:
    """Feed every record that the changelog partition holds now to `apply`, in order; gives their number."""
    tp = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        return await _read_to_end(consumer, tp, apply)
    except (KafkaError, TimeoutError) as error:
        raise BrokerError(
            f"changelog {topic}/{partition} cannot be read: {error!r}", remedy=_REMEDY
        ) from error
    finally:
        await consumer.stop()


async def _read_to_end(consumer: AIOKafkaConsumer, tp: TopicPartition, apply: Apply) -> int:
    """Up to an end that is still the end when it is reached.

    A record may be compacted away before it is read, because of one that came behind the end.
    """
    consumer.assign([tp])
    position = (await consumer.beginning_offsets([tp]))[tp]
    consumer.seek(tp, position)
    count, end = 0, position
    while position < end or position < (end := (await consumer.end_offsets([tp]))[tp]):
        async with asyncio.timeout(_STILL_S):
            before = position
            while position == before:
                batches = await consumer.getmany(tp, timeout_ms=500, max_records=_SLICE)
                for record in batches.get(tp, []):
                    apply(record.key, record.value)
                    count += 1
                position = await consumer.position(tp)
    return count


class SendPort(Protocol):
    """What sends one record and gives a future of its confirmation (Faust's producer)."""

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
    ) -> Awaitable[Any]:
        """Hand one record to the producer."""
        ...


class Sender:
    """Sends records and keeps the futures, so that a stage can wait for what it must."""

    def __init__(self, producer: Callable[[], SendPort], timeout_s: float) -> None:
        self._producer = producer
        self._timeout_s = timeout_s

    async def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int = 0,
        headers: Headers | None = None,
    ) -> "asyncio.Future[Any]":
        """Hand over one record; the future ends when the broker has it."""
        try:
            pending = await self._producer().send(topic, key, value, partition, None, headers)
        except Exception as error:
            raise StateError(
                f"a record for {topic} was not taken by the producer: {error!r}", remedy=_REMEDY
            ) from error
        return cast("asyncio.Future[Any]", pending)

    async def rows(self, topic: str, partition: int, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write changelog rows and wait until the broker has them all."""
        await self.confirmed(
            [await self.send(topic, value, key=key, partition=partition) for key, value in rows]
        )

    async def confirmed(self, pending: Iterable["asyncio.Future[Any]"]) -> list[Any]:
        """Wait until the broker has them all; gives where it put each. StateError when it refuses one: the
        worker must stop.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                # who waits may be cancelled; the records are on their way all the same
                return await asyncio.gather(*map(asyncio.shield, pending))
        except TimeoutError as error:
            raise StateError(
                f"the broker did not confirm a write within {self._timeout_s:.0f} s", remedy=_REMEDY
            ) from error
        except KafkaError as error:
            raise StateError(f"a write was not confirmed by the broker: {error!r}", remedy=_REMEDY) from error
