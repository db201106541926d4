"""Apache Kafka (KRaft), one node or three, on free ports, with settings that make its waits short.

A test's cluster promises what one in production does: acknowledged by all in-sync replicas means at least
two of three. Only the delays are smaller.
"""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError

from tests.servers.kafka_node import HOST, QUICK, KafkaNode, properties
from tests.servers.ports import free_port
from tests.servers.toxiproxy import Toxiproxy
from tests.servers.waiting import ServerError, wait_until


class KafkaCluster:
    """`with KafkaCluster(brokers=3) as kafka: …kafka.bootstrap…`; nodes are numbered from 1.

    `settings` are broker properties that differ from the usual ones of the tests; `jvm` is Java's way to run.
    """

    def __init__(
        self, brokers: int = 1, settings: dict[str, str] | None = None, jvm: Sequence[str] = QUICK
    ) -> None:
        self.nodes = {number: KafkaNode(number, jvm) for number in range(1, brokers + 1)}
        self.settings = settings or {}

    def open_door(self, name: str, proxy: Toxiproxy) -> str:
        """Before the start: let clients in by way of a proxy; gives the brokers' addresses for them.

        The proxies are called `<name>-<node>`. A client that comes this way is told to stay on it.
        """
        for node in self.nodes.values():
            address = f"{HOST}:{free_port()}"
            node.doors[name] = address, proxy.open(f"{name}-{node.number}", address)
        return ",".join(node.doors[name][1] for node in self.nodes.values())

    @property
    def bootstrap(self) -> str:
        return ",".join(node.address for node in self.nodes.values())

    def start(self) -> Self:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        nodes = list(self.nodes.values())
        with ThreadPoolExecutor() as pool:
            list(
                pool.map(lambda node: node.format(cluster_id, properties(node, nodes) | self.settings), nodes)
            )
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_ready()
        self.wait_members(len(self.nodes))
        return self

    def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()

    def kill(self, number: int) -> None:
        """kill -9 of one node."""
        self.nodes[number].kill()

    def pause(self, number: int) -> None:
        """SIGSTOP of one node: its connections stay open, nothing is answered."""
        self.nodes[number].pause()

    def resume(self, number: int) -> None:
        self.nodes[number].resume()

    def restart(self, number: int, graceful: bool = False) -> None:
        """Ends the node if it lives, starts it on its data, returns when it is a member again."""
        node = self.nodes[number]
        if graceful:
            node.terminate()
        node.kill()
        node.start()
        self.wait_members(sum(other.alive for other in self.nodes.values()))

    def admin(self) -> Any:
        """A new client of kafka-python for topics, configs and offsets; the caller closes it."""
        live = [node.address for node in self.nodes.values() if node.alive]
        if not live:
            raise ServerError("no node of this kafka is alive")
        return KafkaAdminClient(bootstrap_servers=live, request_timeout_ms=15_000)

    def create_topic(self, name: str, partitions: int = 1, **config: object) -> str:
        """Creates the topic with as many replicas as nodes (at most 3); config as in `retention_ms=1000`."""
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        admin = self.admin()
        try:
            replicas = min(len(self.nodes), 3)
            admin.create_topics(
                [NewTopic(name, partitions, replicas, topic_configs=settings)], wait_for_metadata=True
            )
        finally:
            admin.close()
        return name

    def wait_members(self, count: int) -> None:
        """Returns when a live node knows exactly `count` live brokers."""

        def members(admin: Any) -> bool:
            # A dead broker stays listed, and is fenced when its session has run out.
            return sum(not broker["is_fenced"] for broker in admin.describe_cluster()["brokers"]) == count

        self._wait(members, f"{count} brokers are members")

    def wait_in_sync(self) -> None:
        """Returns when every partition has all of its replicas in sync, so that a node may be killed."""

        def in_sync(admin: Any) -> bool:
            partitions = [part for topic in admin.describe_topics() for part in topic["partitions"]]
            return all(len(part["isr_nodes"]) == len(part["replica_nodes"]) for part in partitions)

        self._wait(in_sync, "all replicas are in sync")

    def _wait(self, condition: Callable[[Any], bool], what: str) -> None:
        def asked() -> bool:
            try:
                admin = self.admin()
                try:
                    return bool(condition(admin))
                finally:
                    admin.close()
            except KafkaError as error:
                raise ConnectionError(str(error)) from error

        wait_until(asked, f"kafka at {self.bootstrap}: {what}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
