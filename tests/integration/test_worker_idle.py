"""A worker that has nothing to do costs next to nothing: three processes, little memory, hardly any time."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from streams.catalogue import default_folder
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import REPOSITORY, STAGES, environment
from tests.servers.ports import free_port
from tests.servers.process import Server
from tests.servers.waiting import http, wait_until

#: one look lasts so long; a look at a worker that has just begun, or on a machine that does something else
#: too, is not one at idleness, so that several are taken
MEASURED_SECONDS, LOOKS = 10.0, 4
#: the promise is 3 %; a machine that runs other tests beside this one costs each wake-up more
CORE_PERCENT = 5.0
MEGABYTES = 250.0
PARTITIONS = 4


class Worker(Server):
    """`planwatch worker`: all three stages under one parent."""

    name = "worker"

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__()
        self.ports = {stage: free_port() for stage in STAGES}
        ports = {f"PLANWATCH_WEB__{stage.upper()}_PORT": str(port) for stage, port in self.ports.items()}
        self.env = {**env, **ports, "PLANWATCH_DATA_DIR": str(self.folder), "PYTHONPATH": str(REPOSITORY)}

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "streams.cli.main", "worker"]

    def environment(self) -> Mapping[str, str]:
        return self.env

    def ready(self) -> bool:
        return all(json.loads(self.page(stage, "/-/ready"))["ready"] for stage in STAGES)

    def page(self, stage: str, path: str) -> bytes:
        return http(f"http://127.0.0.1:{self.ports[stage]}{path}")

    def all_idle(self) -> bool:
        log = (self.folder / "output.log").read_text()
        return log.count(" source_fell_idle ") == 3 * PARTITIONS

    def processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu_seconds(self) -> float:
        return sum(item.cpu_times().user + item.cpu_times().system for item in self.processes())


@pytest.fixture
def worker(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> Iterator[Worker]:
    """A worker on the default catalogue, whose sources are called idle after a second."""
    folder = tmp_path / "catalogue"
    shutil.copytree(default_folder(), folder)
    installation = folder / "installation.yaml"
    text = installation.read_text()
    assert "idle_after: 30s" in text
    installation.write_text(text.replace("idle_after: 30s", "idle_after: 1s"))
    ours = {
        "KAFKA__PARTITIONS": PARTITIONS,
        "MEASURE__FLUSH_MS": 500,
        "EVALUATE__COMMIT_MS": 1000,
        "KAFKA__HEARTBEAT_S": 3,
    }
    env = environment(kafka.bootstrap, topic_prefix, folder, **ours, KAFKA__SESSION_TIMEOUT_S=10)
    apply = [sys.executable, "-m", "streams.cli.main", "topics", "apply"]
    subprocess.run(apply, env=env, cwd=REPOSITORY, check=True, timeout=60, capture_output=True)
    with Worker(env) as started:
        yield started


@pytest.mark.slow
def test_idle_worker_takes_little_time_and_memory(worker: Worker) -> None:
    wait_until(worker.all_idle, "every source partition is idle")
    looks = [look(worker) for _ in range(LOOKS)]
    memory = sum(item.memory_full_info().pss for item in worker.processes()) / 1e6
    shown = ", ".join(f"{percent:.2f}" for percent in looks)
    assert min(looks) < CORE_PERCENT, f"{shown} % of a core"
    assert memory < MEGABYTES, f"{memory:.0f} MB"
    sys.stderr.write(f"idle: {shown} % of a core, {memory:.0f} MB\n")


def look(worker: Worker) -> float:
    """Percent of a core that all processes take now."""
    begun, before = time.monotonic(), worker.cpu_seconds()
    time.sleep(MEASURED_SECONDS)
    return 100 * (worker.cpu_seconds() - before) / (time.monotonic() - begun)
