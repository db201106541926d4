"""SIGTERM under load, with an InfluxDB and a webhook that hang: quick, and nothing is to be read again."""

import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from tests.servers.installation import Installation
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import Stage
from tests.servers.sink import Sink
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def hanging() -> Iterator[Sink]:
    with Sink() as sink:
        sink.hang.set()
        yield sink


def stamps(installation: Installation) -> dict[tuple[str, int], int]:
    """The stamp of each sales partition's last ledger in the cells topic."""
    cells = TopicPartition(installation.topic("cells.v1"), 0)
    consumer = KafkaConsumer(bootstrap_servers=installation.kafka.bootstrap)
    consumer.assign([cells])
    consumer.seek_to_beginning()
    end, found = consumer.end_offsets([cells])[cells], {}
    while consumer.position(cells) < end:
        for record in consumer.poll(timeout_ms=500).get(cells, []):
            if record.key == b"ledger" and (ledger := json.loads(record.value))["stamp"] >= 0:
                found[ledger["topic"], ledger["partition"]] = ledger["stamp"]
    consumer.close()
    return found


def end_all(stages: dict[str, Stage]) -> dict[str, int | None]:
    """SIGTERM to all; their exit codes once they have ended."""
    for stage in stages.values():
        stage.signal(signal.SIGTERM)
    wait_until(lambda: not any(stage.alive for stage in stages.values()), "all have ended", 10)
    return {name: stage.process.returncode for name, stage in stages.items() if stage.process}


def restored(stage: Stage) -> int:
    """The version that a stage that was started again has read back."""
    stage.start()
    return int(re.findall(r"state_restored .* rows=(-?\d+)", stage.output())[-1])


def test_sigterm_under_load_leaves_nothing_to_be_read_again(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, hanging: Sink
) -> None:
    installation = Installation(kafka, topic_prefix, tmp_path, INFLUX__URL=hanging.url)
    installation.notify(f"{hanging.url}/hook", timeout_s=60)
    stop = threading.Event()

    def load() -> None:
        while not stop.wait(0.05):
            installation.orders(100, step_ms=200)

    producer = threading.Thread(target=load)
    with installation.stages() as stages:
        producer.start()
        try:
            installation.bad_review("East")
            wait_until(lambda: stages["respond"].json("/status")["outbox"], "a notice is being sent")
            wait_until(lambda: stages["evaluate"].json("/status")["frontier_ms"], "minutes close")
            before = {name: stages[name].json("/status")["version"] for name in ("evaluate", "respond")}
            begun = time.monotonic()
            codes = end_all(stages)
        finally:
            stop.set()
            producer.join()
        assert codes == dict.fromkeys(stages, 0), {one.name: one.output() for one in stages.values()}
        assert time.monotonic() - begun < 10
        ledgers = stamps(installation)
        assert len(ledgers) > 1
        committed = installation.committed("measure")
        assert {place: committed[place] for place in ledgers} == {
            place: stamp + 1 for place, stamp in ledgers.items()
        }
        (acknowledged,) = installation.committed("respond").values()
        assert acknowledged > before["respond"]
        assert restored(stages["evaluate"]) >= before["evaluate"]
    installation.producer.close()
