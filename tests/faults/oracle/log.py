"""The records of a topic as they lie on the broker, partition by partition."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition


class Record(NamedTuple):
    """One record; `headers` as a dictionary."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


def read(bootstrap: str, topic: str) -> dict[int, list[Record]]:
    """Every record that the topic holds now, by partition, in the order of the log."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","), enable_auto_commit=False, max_partition_fetch_bytes=4 << 20
    )
    try:
        numbers = sorted(consumer.partitions_for_topic(topic) or ())
        return {number: list(_partition(consumer, TopicPartition(topic, number))) for number in numbers}
    finally:
        consumer.close(autocommit=False)


def _partition(consumer: Any, source: Any) -> Iterator[Record]:
    consumer.assign([source])
    end = consumer.end_offsets([source])[source]
    consumer.seek_to_beginning(source)
    while consumer.position(source) < end:
        for one in consumer.poll(timeout_ms=500, max_records=5000).get(source, []):
            if one.offset < end:
                headers = dict(one.headers or [])
                yield Record(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value, headers)
