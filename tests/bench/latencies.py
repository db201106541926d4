"""How long special events took to become transitions, read from the topics when the run is over.

The inbox topic is set to bear the time at which the broker appended a record, on the same machine's clock as
the time at which a special event was made. The figure is thus from the event to its transition being
readable, with everything in between: the producer's batch, fetch, flush, fold, judging, send.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.records import INBOX_RECORD, Transition
from tests.bench.steady_producer import SPECIAL
from tests.servers.installation import Installation

#: upper edges of the histogram, in seconds
_EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 5.0)


class Reached(NamedTuple):
    """When a transition stood in the inbox (ms), and the transition."""

    at_ms: int
    transition: Transition


def stamp_inbox_at_append(installation: Installation) -> None:
    """From now on a record of the inbox bears the time of its appending."""
    admin = installation.kafka.admin()
    try:
        config = {"message.timestamp.type": "LogAppendTime"}
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, installation.topic("inbox.v1"), config)]
        )
    finally:
        admin.close()


def records(installation: Installation, topic: str) -> Iterator[Any]:
    """Every record that the topic holds now."""
    consumer = KafkaConsumer(bootstrap_servers=installation.kafka.bootstrap)
    name = installation.topic(topic)
    parts = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name) or ()]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    ends = consumer.end_offsets(parts)
    while any(consumer.position(part) < end for part, end in ends.items()):
        for batch in consumer.poll(500).values():
            yield from batch
    consumer.close()


def first_transitions(installation: Installation, rule: str) -> dict[str, Reached]:
    """The special regions' first change for the worse by this rule."""
    found: dict[str, Reached] = {}
    for record in records(installation, "inbox.v1"):
        if b'"transition"' not in record.value:
            continue
        item = INBOX_RECORD.validate_json(record.value)
        if isinstance(item, Transition) and item.rule == rule and item.cause == "worse":
            region = item.scope.get("region", "")
            if region.startswith(SPECIAL):
                found.setdefault(region, Reached(record.timestamp, item))
    return found


def made_at(installation: Installation) -> dict[str, int]:
    """When each special event was made (ms), by its region."""
    found = {}
    for record in records(installation, "feedback.v1"):
        _, mark, rest = record.value.partition(b'"region":"' + SPECIAL.encode())
        if mark:
            found[SPECIAL + rest.partition(b'"')[0].decode()] = record.timestamp
    return found


def quantile(seconds: Sequence[float], part: float) -> float:
    """The value that this part of all lies at or below."""
    return sorted(seconds)[min(len(seconds) - 1, int(part * len(seconds)))]


def histogram(seconds: Sequence[float]) -> dict[str, float]:
    """What part of all lies below each edge and not below the one before."""
    found, before = {}, 0
    for edge in _EDGES:
        below = sum(one < edge for one in seconds)
        found[f"< {edge:g} s"] = (below - before) / len(seconds)
        before = below
    return found | {"longer": 1 - before / len(seconds)}
