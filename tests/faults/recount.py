"""A plain recount of the source topics: JSON, a set of ids, decimal sums. Shares no code with the product."""

import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition


class Recount(NamedTuple):
    """What the records of the log come to: per region (and `""`, the company) and per source partition."""

    revenue: dict[str, Decimal]
    orders: Counter[str]
    units: Counter[str]
    received: Counter[tuple[str, int]]
    duplicates: Counter[tuple[str, int]]


def recount(bootstrap: str, topic: str) -> Recount:
    """Read the topic from its beginning to its present end and add up its orders and refunds."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    result = Recount(defaultdict(Decimal), Counter(), Counter(), Counter(), Counter())
    seen: dict[int, set[str]] = defaultdict(set)
    while any(consumer.position(part) < ends[part] for part in partitions):
        for records in consumer.poll(timeout_ms=500).values():
            for record in records:
                _count(result, seen, record)
    consumer.close()
    return result


def _count(result: Recount, seen: dict[int, set[str]], record) -> None:
    place = record.topic, record.partition
    result.received[place] += 1
    event = json.loads(record.value)
    if event["event_id"] in seen[record.partition]:
        result.duplicates[place] += 1
        return
    seen[record.partition].add(event["event_id"])
    for region in ("", event["dimensions"]["region"]):
        if event["kind"] == "order":
            result.revenue[region] += Decimal(event["amount"])
            result.orders[region] += event["line"] == 1
            result.units[region] += event["quantity"]
        else:
            result.revenue[region] -= Decimal(event["amount"])
