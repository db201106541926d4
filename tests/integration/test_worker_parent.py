"""`planwatch worker` with its three stages: what one's end does to the others, and what the parent says."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from streams.notes import read_note
from tests.servers.installation import Installation
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import STAGES
from tests.servers.process import Server
from tests.servers.waiting import http, wait_until

pytestmark = pytest.mark.timeout(240)


class Worker(Server):
    """All three stages under one parent, on ports that they choose themselves."""

    name = "worker"

    def __init__(self, installation: Installation) -> None:
        super().__init__()
        self.installation = installation
        installation.env |= {f"PLANWATCH_WEB__{stage.upper()}_PORT": "0" for stage in STAGES}
        installation.env["PLANWATCH_DATA_DIR"] = str(self.folder)

    def command(self) -> list[str]:
        return self.installation.command("worker")

    def environment(self) -> dict[str, str]:
        return self.installation.env | {"PYTHONPATH": str(Path(__file__).parents[2])}

    def status(self) -> "subprocess.CompletedProcess[str]":
        """`planwatch status`, which has only the data folder to find the pages by."""
        return self.installation.run("status", code=None)

    def ready(self) -> bool:
        addresses = [read_note(self.folder, stage) for stage in STAGES]
        return all(addresses) and all(http(f"{address}/-/ready") for address in addresses)

    def stages(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children()

    def ends(self) -> tuple[int, list[str]]:
        """Exit code, and the lines for people."""
        wait_until(lambda: not self.alive, "the worker ends", 30)
        assert self.process is not None
        lines = (self.folder / "output.log").read_text().splitlines()
        return self.process.returncode, [line for line in lines if line.startswith("planwatch ")]


@pytest.fixture
def worker(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> Iterator[Worker]:
    installation = Installation(kafka, topic_prefix, tmp_path)
    with Worker(installation) as started:
        yield started
    installation.producer.close()


def test_a_stage_that_is_killed_ends_the_others_and_the_parent_says_which(worker: Worker) -> None:
    assert worker.status().stdout.count("ready") == len(STAGES)
    stages = worker.stages()
    assert len(stages) == len(STAGES)
    stages[1].send_signal(signal.SIGKILL)
    code, lines = worker.ends()
    assert code == 128 + signal.SIGKILL
    assert lines == [
        "planwatch worker: evaluate was killed (SIGKILL); the other stages are stopped too — "
        "it is safe to start again"
    ]
    assert not any(stage.is_running() for stage in stages)


def test_a_stage_that_cannot_go_on_gives_the_parent_its_code(worker: Worker) -> None:
    inbox = worker.installation.topic("inbox.v1")
    admin = worker.installation.kafka.admin()
    admin.delete_topics([inbox])
    code, lines = worker.ends()
    assert code == 4
    admin.close()
    assert any(f"topic {inbox} was deleted" in line for line in lines)
    assert any("planwatch worker: " in line and "ended with exit code 4" in line for line in lines)


def test_a_worker_that_is_told_to_stop_says_nothing_and_takes_its_notes_back(worker: Worker) -> None:
    worker.signal(signal.SIGTERM)
    assert worker.ends() == (0, [])
    assert worker.status().stdout.count("no worker has left a note") == len(STAGES)
