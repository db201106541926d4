"""The logs of the installation that is harmed: how brokers keep them, who leads them, how far they are."""

from collections.abc import Callable
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from tests.servers.kafka import KafkaCluster

#: small segments and eager cleaning: what compaction may do, it does during the run
_CHURN = {"segment.bytes": "1048576", "segment.ms": "2000", "min.cleanable.dirty.ratio": "0.01"}
#: seconds for which a broker keeps the tombstones of a log, in a day of its own time; and at least
_TOMBSTONES_S, _TOMBSTONES_AT_LEAST_S = 86_400, 60

#: events are kept whatever their time, and may bear one that lies ahead of the broker's clock
_EVENTS = {"retention.ms": "-1", "message.timestamp.after.max.ms": "9223372036854775807"}


class Logs:
    """The topics with this prefix; asks the brokers by no network that can be harmed."""

    def __init__(self, kafka: KafkaCluster, prefix: str, partitions: int) -> None:
        self._kafka, self._prefix, self._partitions = kafka, prefix, partitions

    @property
    def inputs(self) -> tuple[str, ...]:
        """The input topics."""
        return tuple(f"{self._prefix}.{name}" for name in ("sales.v1", "feedback.v1", "sentiment.v1"))

    def churn(self, haste: float) -> None:
        """Let the broker compact changelogs as eagerly as it can; keep events whatever their time."""
        kept_s = max(_TOMBSTONES_S / haste, _TOMBSTONES_AT_LEAST_S)
        churn = _CHURN | {"delete.retention.ms": str(round(kept_s * 1000))}
        wanted = [
            ConfigResource(
                ConfigResourceType.TOPIC, name, configs=churn if name.endswith("-changelog") else _EVENTS
            )
            for name in self.topics()
        ]
        self._ask(lambda admin: admin.alter_configs(wanted))

    def topics(self) -> list[str]:
        """Every topic of the installation."""
        return [
            name for name in self._ask(lambda admin: admin.list_topics()) if name.startswith(self._prefix)
        ]

    def leader(self, topic: str, partition: int) -> int:
        """The broker that leads a partition."""
        parts = self._ask(lambda admin: admin.describe_topics([topic])[0]["partitions"])
        return next(int(part["leader_id"]) for part in parts if part["partition_index"] == partition)

    def changelog(self, stage: str) -> tuple[str, int]:
        """A changelog partition of a stage."""
        table = {"measure": "sales-v1", "evaluate": "cells-v1", "respond": "inbox-v1"}[stage]
        return f"{self._prefix}-{stage}-{table}-changelog", 0

    def ends(self) -> dict[tuple[str, int], int]:
        """The offset that the next record of each source partition will have."""
        return self._ends_of(
            [TopicPartition(topic, n) for topic in self.inputs for n in range(self._partitions)]
        )

    def end_of_cells(self) -> int:
        """The offset that the next record of the cells topic will have."""
        (end,) = self._ends_of([TopicPartition(f"{self._prefix}.cells.v1", 0)]).values()
        return end

    def _ends_of(self, parts: list[TopicPartition]) -> dict[tuple[str, int], int]:
        consumer = KafkaConsumer(bootstrap_servers=self._kafka.bootstrap.split(","), enable_auto_commit=False)
        try:
            return {(part.topic, part.partition): end for part, end in consumer.end_offsets(parts).items()}
        finally:
            consumer.close(autocommit=False)

    def controller(self) -> int:
        """The broker that is the active controller."""
        quorum = self._ask(lambda admin: admin.describe_metadata_quorum()["topics"][0]["partitions"])
        return int(quorum[0]["leader_id"])

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        admin = self._kafka.admin()
        try:
            return question(admin)
        finally:
            admin.close()
