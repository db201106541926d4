"""Sending and reading for the command line with kafka-python: the one place of its producer and consumer.

Workers do not use this; they have Faust's transport. A record counts as sent only when all in-sync replicas
have it.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, NamedTuple, Self

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from schemas.errors import BrokerError
from streams.settings import KafkaSettings

#: sent and not yet confirmed, at most
_IN_FLIGHT = 20_000
_REQUEST_BYTES = 16 << 20
_NO_TIME = 1
#: a partition that gives nothing for so long cannot be read
_STILL_S = 60.0
_REMEDY = "is it up, and is PLANWATCH_KAFKA__BOOTSTRAP right?"

Headers = list[tuple[str, bytes]]


class Outgoing(NamedTuple):
    """One record to send. Without `partition` the key's hash chooses it, as Kafka's own clients do."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None
    partition: int | None = None


class Stored(NamedTuple):
    """One record as it lies in a topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Sender:
    """Sends in order, repeats what fails for a while, and counts what all in-sync replicas confirmed.

    `sent` counts by topic; `failed` is what the broker refused for good, `error` the last reason.
    """

    def __init__(self, kafka: KafkaSettings, in_flight: int = _IN_FLIGHT) -> None:
        self.sent: Counter[str] = Counter()
        self.failed = 0
        self.error = ""
        self._limit = in_flight
        self._waiting: deque[tuple[str, Any]] = deque()
        self._timeout_s = kafka.request_timeout_s
        timeout_ms = round(kafka.request_timeout_s * 1000)
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=kafka.bootstrap.split(","),
                bootstrap_timeout_ms=min(timeout_ms, 10_000),
                request_timeout_ms=timeout_ms,
                delivery_timeout_ms=max(2 * timeout_ms, timeout_ms + 1000),
                max_block_ms=timeout_ms,
                allow_auto_create_topics=False,
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                batch_size=256 << 10,
                max_request_size=_REQUEST_BYTES,
            )
        except KafkaError as error:
            raise _broker_error(kafka, error) from error
        self._kafka = kafka

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.close(timeout=5)

    def send(self, record: Outgoing) -> None:
        """Take one record; waits when too many are unconfirmed. BrokerError when nothing gets through."""
        try:
            future = self._producer.send(
                record.topic,
                key=record.key,
                value=record.value,
                headers=record.headers or [],
                partition=record.partition,
            )
        except KafkaTimeoutError as error:
            raise _broker_error(self._kafka, error) from error
        except KafkaError as error:
            self._fail(error)
            return
        self._waiting.append((record.topic, future))
        if len(self._waiting) > self._limit:
            self._settle(self._limit // 2)

    def broker_time_ms(self, topic: str) -> int | None:
        """The broker's clock, by its stamp on a record (the topic has LogAppendTime); None if it has none."""
        try:
            future = self._producer.send(topic, key=b"", value=b"", timestamp_ms=_NO_TIME)
            stamped: int = future.get(timeout=self._timeout_s).timestamp
        except KafkaError as error:
            raise _broker_error(self._kafka, error) from error
        return None if stamped == _NO_TIME else stamped

    def flush(self) -> None:
        """Wait until everything is confirmed or refused for good."""
        with suppress(KafkaTimeoutError):
            self._producer.flush(timeout=2 * self._timeout_s)
        self._settle(0)

    def _settle(self, leave: int) -> None:
        while len(self._waiting) > leave:
            topic, future = self._waiting.popleft()
            try:
                future.get(timeout=3 * self._timeout_s)
            except KafkaTimeoutError as error:
                self._waiting.clear()
                raise _broker_error(self._kafka, error) from error
            except KafkaError as error:
                self._fail(error)
            else:
                self.sent[topic] += 1

    def _fail(self, error: KafkaError) -> None:
        self.failed += 1
        self.error = str(error) or type(error).__name__


def read_topics(kafka: KafkaSettings, topics: Iterable[str]) -> Iterator[Stored]:
    """Every record that the topics hold now, partition by partition; BrokerError when they cannot be read."""
    with Reader(kafka) as reader:
        for topic in topics:
            for partition in reader.partitions(topic):
                for records in reader.read(topic, partition):
                    yield from records


class Reader:
    """Reads what partitions hold now, each from its beginning; commits nothing, belongs to no group.

    Its methods raise BrokerError when Kafka refuses, or gives nothing for a minute.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=kafka.bootstrap.split(","),
                bootstrap_timeout_ms=10_000,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                max_partition_fetch_bytes=4 << 20,
                check_crcs=False,  # in Python it costs more than all the rest; broker and TCP have looked
            )
        except KafkaError as error:
            raise _broker_error(kafka, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close(autocommit=False)

    def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic; none when there is no such topic."""
        with self._errors():
            return sorted(self._consumer.partitions_for_topic(topic) or ())

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is still there, and the next one to be written."""
        source = TopicPartition(topic, partition)
        with self._errors():
            begin: int = self._consumer.beginning_offsets([source])[source]
            end: int = self._consumer.end_offsets([source])[source]
        return begin, end

    def read(self, topic: str, partition: int) -> Iterator[list[Stored]]:
        """The records of a partition, poll by poll."""
        source = TopicPartition(topic, partition)
        with self._errors():
            self._consumer.assign([source])
            begin, end = self.bounds(topic, partition)
            self._consumer.seek(source, begin)
            fetched = begin >= end
            heard_s = monotonic()
            while begin < end and self._consumer.position(source) < end:
                records = self._consumer.poll(timeout_ms=500, max_records=2000).get(source, [])
                if records and not fetched:
                    # the embedded broker counts the last batch as one record in its end offsets, not in its
                    # fetches
                    end, fetched = max(end, self._consumer.highwater(source) or 0), True
                if records:
                    heard_s = monotonic()
                    yield [_stored(record) for record in records if record.offset < end]
                elif monotonic() - heard_s > _STILL_S:
                    raise KafkaTimeoutError(f"{topic}/{partition} gives nothing at offset {end - 1}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise _broker_error(self._kafka, error) from error


def _stored(record: Any) -> Stored:
    headers = list(record.headers or [])
    place = record.topic, record.partition, record.offset
    return Stored(*place, record.timestamp, record.key, record.value, headers)


def _broker_error(kafka: KafkaSettings, error: KafkaError) -> BrokerError:
    said = str(error) or type(error).__name__
    return BrokerError(f"Kafka at {kafka.bootstrap} does not answer: {said[:300]}", remedy=_REMEDY)
