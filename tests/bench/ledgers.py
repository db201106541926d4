"""What a run of measure left in the cells topic: from when to when it worked, and what it counted.

Each record there bears the time of its sending. The first ledger of a source partition is written when its
owner has it and before it folds the first event; its last one when everything is confirmed, a commit before
the acknowledgement. Process start and the reading of an empty changelog are thus not part of a run.
"""

from collections.abc import Mapping
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition

from schemas.records import CELLS_RECORD, Ledger
from tests.bench.loading import Place
from tests.servers.installation import Installation


class Stamped(NamedTuple):
    """A ledger and when it was sent."""

    at_s: float
    ledger: Ledger


class Span(NamedTuple):
    """From the moment in which work could begin until all was counted, and what was counted in it."""

    begin_s: float
    end_s: float
    counted: int


def ledgers(installation: Installation) -> list[Stamped]:
    """Every ledger that the cells topic holds, in order."""
    part = TopicPartition(installation.topic("cells.v1"), 0)
    consumer = KafkaConsumer(bootstrap_servers=installation.kafka.bootstrap)
    consumer.assign([part])
    consumer.seek_to_beginning(part)
    end, found = consumer.end_offsets([part])[part], []
    while consumer.position(part) < end:
        for record in (one for records in consumer.poll(500).values() for one in records):
            if record.key == b"ledger":
                ledger = CELLS_RECORD.validate_json(record.value)
                assert isinstance(ledger, Ledger)
                found.append(Stamped(record.timestamp / 1000, ledger))
    consumer.close()
    return found


def span(found: list[Stamped], sent: Mapping[Place, int]) -> Span:
    """The whole run over the partitions that hold events; each event must be counted, and once."""
    ours = [one for one in found if (one.ledger.topic, one.ledger.partition) in sent]
    last = {(one.ledger.topic, one.ledger.partition): one for one in ours if not one.ledger.idle}
    first_full: dict[Place, float] = {}
    for one in ours:
        place = (one.ledger.topic, one.ledger.partition)
        if one.ledger.stamp + 1 == sent[place]:
            first_full.setdefault(place, one.at_s)
    assert {place: one.ledger.counts.counted for place, one in last.items()} == dict(sent)
    return Span(min(one.at_s for one in ours), max(first_full.values()), sum(sent.values()))
