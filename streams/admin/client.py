"""kafka-python's admin client: the one place where topics and configurations are asked for and changed.

Decides nothing. Every failure is a BrokerError that names the broker; works with Apache Kafka and the
embedded broker.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import CoordinatorNotAvailableError, KafkaError, UnknownTopicOrPartitionError

from schemas.errors import BrokerError
from streams.admin.plan import Existing, Step
from streams.settings import KafkaSettings


class Admin:
    """`with Admin(settings.kafka) as admin: …`; BrokerError when the broker cannot be reached."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._bootstrap = kafka.bootstrap
        self._timeout_ms = round(kafka.request_timeout_s * 1000)
        self._client: Any = None

    def __enter__(self) -> Self:
        with self._asking("be reached"):
            self._client = KafkaAdminClient(
                bootstrap_servers=self._bootstrap.split(","),
                bootstrap_timeout_ms=min(self._timeout_ms, 10_000),
                request_timeout_ms=self._timeout_ms,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def brokers(self) -> int:
        """How many brokers the cluster has."""
        with self._asking("describe its cluster"):
            return len(self._client.describe_cluster()["brokers"])

    def version(self) -> str:
        """The version of the protocol that the broker speaks, as `4.1`."""
        with self._asking("tell its version"):
            node = self._client.describe_cluster()["brokers"][0]["broker_id"]
            return ".".join(map(str, self._client.get_broker_version_data(node).broker_version))

    def topics(self, names: Iterable[str], *, configs: bool = False) -> dict[str, Existing]:
        """Those of the topics that exist; with their configuration when asked for."""
        with self._asking("describe its topics"):
            described = [one for one in self._client.describe_topics(list(names)) if not one["error_code"]]
            values = self._configs([one["name"] for one in described]) if configs and described else {}
        return {
            one["name"]: Existing(
                len(one["partitions"]),
                min((len(part["replica_nodes"]) for part in one["partitions"]), default=0),
                values.get(one["name"], {}),
            )
            for one in described
        }

    def ids(self, names: Iterable[str]) -> dict[str, str]:
        """Those of the topics that exist, each with the id that the broker gave it for its life (or "")."""
        with self._asking("tell its topics"):
            found = self._client.describe_topics(list(names))
        there = [one for one in found if one["error_code"] != UnknownTopicOrPartitionError.errno]
        if unclear := {one["name"]: one["error_code"] for one in there if one["error_code"]}:
            raise BrokerError(f"Kafka at {self._bootstrap} does not say which topics there are: {unclear}")
        return {one["name"]: str(one["topic_id"] or "") for one in there}

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        told = self._client.describe_configs(wanted, config_filter="all")["topic"]
        return {
            name: {key: str(entry["value"]) for key, entry in entries.items() if entry["value"] is not None}
            for name, entries in told.items()
        }

    def create(self, steps: Iterable[Step]) -> None:
        """Make new topics, and wait until they are known."""
        new = [
            NewTopic(step.topic, step.partitions, step.replication, topic_configs=dict(step.config))
            for step in steps
        ]
        with self._asking("create topics"):
            self._client.create_topics(new, wait_for_metadata=True)

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic more partitions."""
        with self._asking(f"grow {topic}"):
            self._client.create_partitions({topic: NewPartitions(partitions)})

    def configure(self, topic: str, config: Mapping[str, str]) -> None:
        """Set values of a topic's configuration; the others stay."""
        with self._asking(f"configure {topic}"):
            self._client.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(config))]
            )

    def delete(self, names: Iterable[str]) -> None:
        """Delete topics with all they hold, and wait until the broker has forgotten them."""
        doomed = list(names)
        if not doomed:
            return
        with self._asking("delete topics"):
            self._client.delete_topics(doomed)
        end = time.monotonic() + self._timeout_ms / 1000
        while left := self.topics(doomed):
            if time.monotonic() > end:
                raise BrokerError(f"still there: {', '.join(left)}", remedy="repeat the command in a while")
            time.sleep(0.1)

    def running_groups(self, groups: Iterable[str]) -> list[str]:
        """Those of the consumer groups that have members now, as far as the broker tells."""
        states = self._group_states()
        return [group for group in groups if states.get(group, "Empty") not in ("Empty", "Dead", "Unknown")]

    def delete_groups(self, groups: Iterable[str]) -> None:
        """Forget the positions of consumer groups, so that they begin at the beginning."""
        known = self._group_states()
        for group in groups:
            try:
                with self._asking("forget consumer groups"):
                    said = self._client.delete_groups([group])[group]
            except BrokerError as error:
                # a cluster that never had a group has no coordinator to ask, and nothing to forget
                if group in known or not isinstance(error.__cause__, CoordinatorNotAvailableError):
                    raise
                continue
            if said not in ("OK", "GroupIdNotFoundError"):
                raise BrokerError(f"consumer group {group} stays: {said}", remedy="stop every worker first")

    def _group_states(self) -> dict[str, str]:
        with self._asking("list its groups"):
            return {one["group_id"]: one["group_state"] for one in self._client.list_groups()}

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError, ValueError, AssertionError) as error:
            said = str(error) or type(error).__name__
            remedy = "is it up, and is PLANWATCH_KAFKA__BOOTSTRAP right?"
            text = f"Kafka at {self._bootstrap} could not {what}: {said[:300]}"
            raise BrokerError(text, remedy=remedy) from error
