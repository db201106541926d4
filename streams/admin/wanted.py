"""Which topics an installation has, and how each should be made. Pure: knows names and settings, no broker.

Event logs keep the broker's own retention; cells and inbox go by age; changelogs are compacted. The
timestamp type stays CreateTime, so that lateness is what the producer's clock says.
"""

from dataclasses import dataclass, field

from schemas.errors import BrokerError
from schemas.period import DAY_MS, HOUR_MS
from streams.settings import Settings
from streams.topics import Names

#: more than an event may have: what is too large reaches the DLQ with its reason instead of failing upstream
_EVENT_BYTES = 4 << 20
#: pages, changelog rows, catalogues, and a DLQ record with its headers
_RECORD_BYTES = 16 << 20
_DLQ_DAYS = 30
#: brokers from which on three copies are kept
_MANY_BROKERS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic as it should be.

    `partitions` holds when it is made; `exactly`: always. `follows`: it has as many as that topic, always
    when `exactly`, else when it is made.
    """

    name: str
    partitions: int
    exactly: bool = False
    follows: str = ""
    config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Copies:
    """How many replicas a topic gets, and how many must have a record before it is acknowledged."""

    replication: int
    in_sync: int


def copies_for(brokers: int) -> Copies:
    """Three copies, two of them in sync, where there are three brokers; else one.

    >>> copies_for(3), copies_for(2)
    (Copies(replication=3, in_sync=2), Copies(replication=1, in_sync=1))
    """
    if brokers < 1:
        raise BrokerError("the cluster names no broker", remedy="wait until it is up")
    return Copies(3, 2) if brokers >= _MANY_BROKERS else Copies(1, 1)


def changelogs(names: Names) -> dict[str, str]:
    """Changelog → the topic whose fold it keeps.

    >>> changelogs(Names("p"))["p-evaluate-cells-v1-changelog"]
    'p.cells.v1'
    """
    logs = [("measure", topic) for topic in names.inputs] + [
        ("evaluate", names.cells),
        ("respond", names.inbox),
    ]
    return {names.changelog(stage, topic): topic for stage, topic in logs}


def wanted_topics(settings: Settings) -> list[Wanted]:
    """Every topic of the installation; a topic stands before those that follow it."""
    names, partitions = Names(settings.kafka.prefix), settings.kafka.partitions
    event = {"max.message.bytes": str(_EVENT_BYTES)}
    record = {"max.message.bytes": str(_RECORD_BYTES), "cleanup.policy": "delete"}
    age = record | {"retention.ms": str(round(settings.kafka.cells_retention_h * HOUR_MS))}
    letters = record | {"retention.ms": str(_DLQ_DAYS * DAY_MS)}
    compacted = {
        "max.message.bytes": str(_RECORD_BYTES),
        "cleanup.policy": "compact",
        "segment.bytes": str(64 << 20),  # a smaller open segment: compaction never touches the open one
        "min.cleanable.dirty.ratio": "0.2",
    }
    topics = [Wanted(topic, partitions, config=event) for topic in names.inputs]
    topics += [Wanted(names.dlq(topic), partitions, follows=topic, config=letters) for topic in names.inputs]
    topics += [Wanted(topic, 1, exactly=True, config=age) for topic in (names.cells, names.inbox)]
    for changelog, topic in changelogs(names).items():
        count = partitions if topic in names.inputs else 1
        topics.append(Wanted(changelog, count, exactly=True, follows=topic, config=compacted))
    return topics
