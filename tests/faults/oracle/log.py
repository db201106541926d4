"""The records of a topic as they lie on the broker, partition by partition."""

import asyncio
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import KafkaConsumer


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
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), enable_auto_commit=False)
    try:
        numbers = sorted(consumer.partitions_for_topic(topic) or ())
    finally:
        consumer.close(autocommit=False)
    return asyncio.run(_read(bootstrap, [TopicPartition(topic, number) for number in numbers]))


async def _read(bootstrap: str, sources: list[TopicPartition]) -> dict[int, list[Record]]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=4 << 20
    )
    await consumer.start()
    try:
        return {source.partition: await _partition(consumer, source) for source in sources}
    finally:
        await consumer.stop()


async def _partition(consumer: AIOKafkaConsumer, source: TopicPartition) -> list[Record]:
    consumer.assign([source])
    end = (await consumer.end_offsets([source]))[source]
    consumer.seek(source, (await consumer.beginning_offsets([source]))[source])
    found: list[Record] = []
    while await consumer.position(source) < end:
        for one in (await consumer.getmany(source, timeout_ms=500, max_records=5000)).get(source, []):
            if one.offset < end:
                place = one.topic, one.partition, one.offset, one.timestamp
                found.append(Record(*place, one.key, one.value, dict(one.headers)))
    return found
