"""How far measure is, asked of the broker through one client that stays open."""

from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.topics import INPUTS
from tests.bench.events import PARTITIONS
from tests.bench.loading import Place
from tests.servers.installation import Installation


class Progress:
    """`with Progress(installation) as progress: progress.acknowledged()…`"""

    def __init__(self, installation: Installation) -> None:
        self._kafka, self._group = installation.kafka, f"{installation.prefix}-measure"
        names = [installation.topic(name) for name in INPUTS]
        self._parts = [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]
        self._admin: Any = None

    def offsets(self) -> dict[Place, int]:
        """What the group has acknowledged of each source partition."""
        try:
            found = self._admin.list_group_offsets(self._group).get(self._group, {})
        except KafkaError:
            return {}  # a new broker has no coordinator of groups before the first one asks
        return {(tp.topic, tp.partition): one.offset for tp, one in found.items()}

    def acknowledged(self) -> int:
        """How many records the group has acknowledged."""
        return sum(self.offsets().values())

    def there(self) -> int:
        """How many records the input topics hold."""
        consumer = KafkaConsumer(bootstrap_servers=self._kafka.bootstrap)
        try:
            return sum(consumer.end_offsets(self._parts).values())
        finally:
            consumer.close()

    def __enter__(self) -> Self:
        self._admin = self._kafka.admin()
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
