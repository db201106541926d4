"""One node of a test's Apache Kafka: its command, its storage, its properties."""

from collections.abc import Sequence

from tests.servers.ports import free_port, listening
from tests.servers.process import Server, cache_folder, program
from tests.servers.waiting import ServerError

HOST = "127.0.0.1"
#: a Java that is up soon, for tests; and the one that Kafka's own start script asks for, which compiles well
#: what runs often, for what is measured
QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
SHIPPED = ("-Xmx1G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35")


def classpath() -> str:
    """The jars that `install/kafka.sh` fetched."""
    complete = sorted(cache_folder().glob("kafka-*/complete"))
    if not complete:
        raise ServerError(
            f"Apache Kafka is not in {cache_folder()}; `tests/run integration` or "
            "tests/servers/install/kafka.sh fetches it"
        )
    return str(complete[-1].parent / "lib" / "*")


class KafkaNode(Server):
    """One broker and controller of a cluster."""

    name = "kafka"

    def __init__(self, number: int, jvm: Sequence[str] = QUICK) -> None:
        super().__init__()
        self.jvm = jvm
        self.number, self.port, self.controller_port = number, free_port(), free_port()
        self.address, self.voter = f"{HOST}:{self.port}", f"{number}@{HOST}:{self.controller_port}"
        #: further listeners: name → the address where it listens, and the one that it tells its clients
        self.doors: dict[str, tuple[str, str]] = {}
        self.config = self.folder / "server.properties"

    def java(self, main: str, *arguments: str, heap: str = "512m") -> Sequence[str]:
        jvm = [f"-Xmx{heap}", "-XX:-UsePerfData", *self.jvm]
        return [program("java"), *jvm, "-cp", classpath(), main, *arguments]

    def command(self) -> Sequence[str]:
        return self.java("kafka.Kafka", str(self.config))

    def ready(self) -> bool:
        return listening(self.port)

    def format(self, cluster_id: str, settings: dict[str, str]) -> None:
        self.config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        tool = KafkaFormat(self, cluster_id)
        tool.launch()
        assert tool.process is not None
        if tool.process.wait(60) != 0:
            raise ServerError(f"kafka's storage could not be formatted:\n{tool.output()}")
        tool.stop()


class KafkaFormat(Server):
    """Kafka's StorageTool, run once for a node before its first start."""

    name = "kafka-format"

    def __init__(self, node: KafkaNode, cluster_id: str) -> None:
        super().__init__()
        self.node, self.cluster_id = node, cluster_id

    def command(self) -> Sequence[str]:
        arguments = ["format", f"--cluster-id={self.cluster_id}", f"--config={self.node.config}"]
        return self.node.java("kafka.tools.StorageTool", *arguments, heap="128m")


def properties(node: KafkaNode, nodes: Sequence[KafkaNode]) -> dict[str, str]:
    """The broker properties of one of `nodes`: the promises of production, with smaller delays.

    Of three nodes two must be in sync, so that acks=all survives the kill of one.
    """
    copies = str(min(len(nodes), 3))
    doors = [(name, *addresses) for name, addresses in node.doors.items()]
    listening_at = [f"{name}://{address}" for name, address, _ in doors]
    advertised = [f"{name}://{address}" for name, _, address in doors]
    protocols = [f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", *node.doors)]
    in_sync = "2" if len(nodes) >= 3 else "1"
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(other.voter for other in nodes),
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join(
            [f"PLAINTEXT://{node.address}", f"CONTROLLER://{HOST}:{node.controller_port}", *listening_at]
        ),
        "advertised.listeners": ",".join([f"PLAINTEXT://{node.address}", *advertised]),
        "listener.security.protocol.map": ",".join(protocols),
        "log.dirs": str(node.folder / "logs"),
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": "5",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": "5",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "log.cleaner.dedupe.buffer.size": "2097152",
        "log.cleaner.backoff.ms": "500",
        "log.retention.check.interval.ms": "1000",
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "500",
        "controlled.shutdown.enable": "true",
    }
