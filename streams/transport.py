"""A Faust transport that hands over one message per partition and poll, its value the list of records.

Faust's path per message costs more than folding an event does; here it is paid once a poll. The transport
also commits explicit offsets: the stages acknowledge by the stamp of their own state, never by counting
messages, and a commit for an ownership that has ended is refused by the broker.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, cast

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from schemas.errors import BrokerError

SCHEME = "planwatch"
Records = list[ConsumerRecord]


class Consumer(driver.Consumer):
    """Faust's aiokafka consumer, with batches and explicit commits."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield for each partition one message whose value is every record of this poll."""
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, batch in records.items():
            if not self._may_go_on(generation):
                return
            if batch and (active is None or tp in active or tp in self._buffered_partitions):
                yield tp, self._to_batch(tp, cast(Any, batch))

    def _may_go_on(self, generation: int) -> bool:
        """Between two batches the flow may have been stopped, or the partitions shared out anew."""
        return self.flow_active and self.app.consumer_generation_id == generation

    def _to_batch(self, tp: TP, batch: Records) -> ConsumerMessage:
        last = batch[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            cast(Any, batch),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Acknowledge everything before these offsets; False when the ownership has ended meanwhile."""
        thread = self._thread
        wanted = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
        }
        try:
            await thread.call_thread(thread._ensure_consumer().commit, wanted)
        except (CommitFailedError, IllegalStateError):
            return False
        except KafkaError as error:
            raise BrokerError(
                f"offsets of {sorted(map(str, wanted))} were not committed: {error!r}"
            ) from error
        return True

    async def reachable(self) -> bool:
        """Whether a broker answers now."""
        thread = self._thread
        return bool(await thread.call_thread(thread._ensure_consumer()._client.force_metadata_update))

    async def at_end(self, tp: TP) -> bool:
        """Whether everything that is in the partition has been read from it."""
        end = self.end(tp)
        return end is not None and (await self.position(tp) or 0) >= end

    def end(self, tp: TP) -> int | None:
        """The offset the next record of the partition will have, as last heard; None before the first
        answer."""
        end: int | None = self._thread._ensure_consumer().highwater(TopicPartition(tp.topic, tp.partition))
        return end


class Transport(driver.Transport):
    """The aiokafka driver with our consumer."""

    Consumer: ClassVar[type[Consumer]] = Consumer


def broker_url(bootstrap: str) -> str:
    """The Faust broker address for `host:port,host:port`, registering the transport.

    >>> broker_url("127.0.0.1:9092")
    'planwatch://127.0.0.1:9092'
    """
    TRANSPORTS.aliases[SCHEME] = "streams.transport:Transport"
    return ";".join(f"{SCHEME}://{host.strip()}" for host in bootstrap.split(","))
