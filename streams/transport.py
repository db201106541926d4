"""A Faust transport that hands over one message per partition and poll, its value the list of records.

Faust's path per message costs more than folding an event does; here it is paid once a poll. The transport
also commits explicit offsets: the stages acknowledge by the stamp of their own state, never by counting
messages. What it knows of positions is asked of the broker, not remembered.
"""

import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from schemas.errors import BrokerError
from streams.membership import NOBODY, Membership, commit_as

SCHEME = "planwatch"
Records = list[ConsumerRecord]
_REMEDY = "look at the broker; it is safe to start again"
#: what the client raises for a partition that is being shared out anew
_MOVING = (IllegalStateError, AssertionError)
log = logging.getLogger("planwatch")


class FetchPace:
    """How long a broker may hold back the answer to a fetch for which there is nothing yet.

    The client has one request at a time under way to a broker. Whatever else is asked, an end, a beginning,
    or the records of a partition that has some, waits behind a fetch of partitions that have none. So waits
    are shortest while partitions are taken over, when much is asked one after the other, and for whoever has
    none yet, which fetches nothing; short where one of several has records; else long, which costs an idle
    process nothing. Times are in seconds of one clock.

    >>> pace = FetchPace(0)
    >>> [pace.wait_ms(now_s, heard=now_s == 60, partitions=2) for now_s in (1, 59, 60, 60.5, 62)]
    [20, 1500, 100, 100, 1500]
    >>> pace.wait_ms(70, heard=True, partitions=1)
    1500
    """

    SHORTEST_MS, SHORT_MS, LONG_MS = 20, 100, 1500
    _BEGINNING_S, _BUSY_S = 10.0, 1.0

    def __init__(self, now_s: float) -> None:
        self.begin(now_s)
        self._heard_s = -self._BUSY_S

    def begin(self, now_s: float) -> None:
        """Partitions are being taken over from now on."""
        self._begun_s = now_s

    def wait_ms(self, now_s: float, *, heard: bool, partitions: int) -> int:
        """For the next fetches; `heard`: the last poll brought records."""
        self._heard_s = now_s if heard else self._heard_s
        if not partitions or now_s - self._begun_s < self._BEGINNING_S:
            return self.SHORTEST_MS
        return self.SHORT_MS if partitions > 1 and now_s - self._heard_s < self._BUSY_S else self.LONG_MS


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's thread of the client: begins with short waits, and ends with a line instead of a traceback."""

    def on_crash(self, msg: str, *fmt: Any, **_: Any) -> None:
        """Goes to our log; what it raised ends the process, which says what to do."""
        log.error("%s", msg.format(*fmt))

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FetchPace.SHORTEST_MS
        return consumer


class Consumer(driver.Consumer):
    """Faust's aiokafka consumer, with batches and explicit commits.

    `delivered`: the last offset handed over of each partition. `sought`: where reading began in this
    assignment (None: nothing was acknowledged before). `membership`: in whose name offsets are committed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.delivered: dict[TP, int] = {}
        self.sought: dict[TP, int | None] = {}
        self.membership = NOBODY
        self._pace = FetchPace(time.monotonic())

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield for each partition one message whose value is every record of this poll."""
        generation = self.app.consumer_generation_id
        records, active = await self._wait_next_records(timeout)
        if self.should_stop:
            return
        self._set_pace(heard=bool(records))
        if not records:
            return
        if not self._may_go_on(generation):
            await self._seek_back()
            return
        for tp, batch in records.items():
            if not self._may_go_on(generation):
                return
            if batch and (active is None or tp in active or tp in self._buffered_partitions):
                message = self._to_batch(tp, cast(Any, batch))
                self.delivered[tp] = message.offset
                yield tp, message

    def _set_pace(self, *, heard: bool) -> None:
        fetcher = self._thread._ensure_consumer()._fetcher
        if fetcher is not None:
            partitions = len(self.assignment())
            wait_ms = self._pace.wait_ms(time.monotonic(), heard=heard, partitions=partitions)
            fetcher._fetch_max_wait_ms = wait_ms

    def _may_go_on(self, generation: int) -> bool:
        """Between two batches the flow may have been stopped, or the partitions shared out anew."""
        return self.flow_active and self.app.consumer_generation_id == generation

    async def _seek_back(self) -> None:
        """Give back what was fetched while the flow stood still, or for an assignment that has ended."""
        try:
            await self.perform_seek()
        except (*_MOVING, KafkaError, TimeoutError) as error:
            self.log.warning("Seeking back was not possible: %r", error)

    async def perform_seek(self) -> None:
        """Seek to what was acknowledged, or to the beginning where nothing was; remember where that is.

        The client seeks only where something was acknowledged. What was fetched of another partition and
        given back would else be lost: reading would go on behind it.
        """
        self._pace.begin(time.monotonic())
        self._set_pace(heard=False)
        await super().perform_seek()
        self.sought = {tp: offset or None for tp, offset in self._read_offset.items()}
        unknown = [tp for tp in self.assignment() if self.sought.get(tp) is None]
        if unknown:
            await self._thread.seek_to_beginning(*(TopicPartition(tp.topic, tp.partition) for tp in unknown))

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

    def join(self) -> None:
        """Commit offsets from now on as the member of the group that we are now."""
        self.membership = Membership.of(self._coordinator)

    @property
    def _coordinator(self) -> Any:
        return cast(Any, self._thread._ensure_consumer()._coordinator)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Acknowledge everything before these offsets; False when the ownership has ended meanwhile."""
        thread = self._thread
        wanted = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
        }
        try:
            await thread.call_thread(commit_as, self._coordinator, self.membership, wanted)
        except (CommitFailedError, *_MOVING):
            return False
        except KafkaError as error:
            where = sorted(map(str, wanted))
            raise BrokerError(f"offsets of {where} were not committed: {error!r}", remedy=_REMEDY) from error
        return True

    async def acknowledged(self, tp: TP) -> int | None:
        """The offset before which nothing needs reading again, asked of the broker; None: there is none."""
        thread = self._thread
        wanted = TopicPartition(tp.topic, tp.partition)
        offset: int | None = await thread.call_thread(thread._ensure_consumer().committed, wanted)
        return offset

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has, as far as this client knows; also where it is not the leader."""
        found = self._thread._ensure_consumer().partitions_for_topic(topic)
        return len(found) if found else None

    async def reachable(self) -> bool:
        """Whether a broker answers now."""
        thread = self._thread
        return bool(await thread.call_thread(thread._ensure_consumer()._client.force_metadata_update))

    async def ends(self, *partitions: TP) -> dict[TP, int]:
        """The offset that the next record of each partition will have, asked of the broker now.

        What a fetch has said is taken where it is more: a broker may list its end behind its last batch.
        """
        listed = await self.highwaters(*partitions) if partitions else {}
        return {tp: max(end, self.end(tp) or 0) for tp, end in listed.items()}

    async def at(self, tp: TP) -> int | None:
        """The next offset that will be fetched; None while the partition moves."""
        try:
            return await self.position(tp)
        except _MOVING:
            return None

    def end(self, tp: TP) -> int | None:
        """The offset the next record will have, as last heard; None before the first answer."""
        try:
            end: int | None = self._thread._ensure_consumer().highwater(
                TopicPartition(tp.topic, tp.partition)
            )
        except _MOVING:
            return None
        return end

    def ended(self) -> str:
        """Why this consumer will read nothing any more; empty while it lives."""
        fetcher = cast(Any, self.app)._fetcher
        for part in (self.app, self, self._thread, fetcher):
            if part.crashed:
                return f"{part!r} crashed: {part.crash_reason!r}"
        task = self._coordinator._coordination_task
        return "the group's coordination ended" if task is not None and task.done() else ""


class Producer(driver.Producer):
    """Faust's aiokafka producer, idempotent: a batch that is sent again cannot land behind a newer one."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": cast(Any, self.app).idempotent}


class Transport(driver.Transport):
    """The aiokafka driver with our consumer and producer."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer


def broker_url(bootstrap: str) -> str:
    """The Faust broker address for `host:port,host:port`, registering the transport.

    >>> broker_url("127.0.0.1:9092")
    'planwatch://127.0.0.1:9092'
    """
    TRANSPORTS.aliases[SCHEME] = "streams.transport:Transport"
    return ";".join(f"{SCHEME}://{host.strip()}" for host in bootstrap.split(","))
