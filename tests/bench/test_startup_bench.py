"""How long people wait: for `planwatch --help`, and for a worker without state to be ready."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.notes import read_note
from tests.bench.figures import Figures
from tests.bench.installation import installed
from tests.bench.sizes import RUNS
from tests.servers.installation import Installation
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import REPOSITORY, STAGES, Stage
from tests.servers.process import Server
from tests.servers.waiting import http

pytestmark = pytest.mark.timeout(600)


class Worker(Server):
    """`planwatch worker`: the three stages, on ports that they choose; ready when all of them are."""

    name = "worker"

    def __init__(self, installation: Installation) -> None:
        super().__init__()
        ports = {f"PLANWATCH_WEB__{stage.upper()}_PORT": "0" for stage in STAGES}
        found = {"PLANWATCH_DATA_DIR": str(self.folder), "PYTHONPATH": str(REPOSITORY)}
        self.env, self._command = installation.env | ports | found, installation.command("worker")

    def command(self) -> list[str]:
        return self._command

    def environment(self) -> dict[str, str]:
        return self.env

    def ready(self) -> bool:
        addresses = [read_note(self.folder, stage) for stage in STAGES]
        return all(addresses) and all(http(f"{address}/-/ready") for address in addresses)


def seconds_of_help() -> float:
    """`planwatch --help` as its own process, from start to end."""
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "streams.cli.main", "--help"], check=True, capture_output=True, cwd=REPOSITORY
    )
    return time.monotonic() - begun


def seconds_until_ready(server: Server) -> float:
    """From the start of the process until it is ready; then it is ended."""
    begun = time.monotonic()
    with server:
        took = time.monotonic() - begun
        server.terminate()
    return took


def test_startup_is_quick(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, figures: Figures) -> None:
    seconds_of_help()  # the first one compiles
    figures.add("start-up: planwatch --help", [seconds_of_help() for _ in range(RUNS)], "s", below=0.5)
    alone, together = [], []
    for number in range(RUNS):
        with installed(kafka, f"{topic_prefix}-{number}", tmp_path / str(number)) as installation:
            alone.append(seconds_until_ready(Stage("measure", installation.env)))
        with installed(kafka, f"{topic_prefix}-{number}-all", tmp_path / f"{number}-all") as installation:
            together.append(seconds_until_ready(Worker(installation)))
    figures.add("start-up: worker measure, no state, until ready", alone, "s", below=5)
    figures.add("start-up: worker of all three stages, no state, until ready", together, "s", below=5)
