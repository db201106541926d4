"""Planwatch itself as servers of a test: one process per stage, so that each can be killed alone."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.ports import free_port
from tests.servers.process import Server
from tests.servers.waiting import http

REPOSITORY = Path(__file__).parents[2]
STAGES = ("measure", "evaluate", "respond")


def environment(bootstrap: str, prefix: str, catalogue: Path, **settings: object) -> dict[str, str]:
    """The environment of a worker; `KAFKA__PARTITIONS=2` and the like as keyword arguments."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLANWATCH_")}
    ours = {
        "KAFKA__BOOTSTRAP": bootstrap,
        "KAFKA__PREFIX": prefix,
        "KAFKA__SESSION_TIMEOUT_S": 3,
        "KAFKA__HEARTBEAT_S": 0.5,
        "CATALOGUE": catalogue,
        "MEASURE__FLUSH_MS": 200,
        "EVALUATE__COMMIT_MS": 300,
        **settings,
    }
    return (
        kept | {f"PLANWATCH_{name}": str(value) for name, value in ours.items()} | {"PYTHONUNBUFFERED": "1"}
    )


class Stage(Server):
    """`planwatch worker NAME` on a free port; ready when it answers, and settled when /-/ready says so."""

    def __init__(self, name: str, env: Mapping[str, str]) -> None:
        self.name = name
        super().__init__()
        self.port = free_port()
        port = {f"PLANWATCH_WEB__{name.upper()}_PORT": str(self.port)}
        self.env = dict(env) | port | {"PLANWATCH_DATA_DIR": str(self.folder), "PYTHONPATH": str(REPOSITORY)}

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "streams.cli.main", "worker", self.name]

    def environment(self) -> Mapping[str, str]:
        return self.env

    def ready(self) -> bool:
        return bool(self.json("/-/ready")["ready"])

    def text(self, path: str) -> str:
        """What its page answers; ConnectionError while it does not, or not with 200."""
        return http(self.url + path).decode()

    def json(self, path: str) -> dict[str, Any]:
        """What its page answers, as JSON."""
        answer: dict[str, Any] = json.loads(self.text(path))
        return answer


@contextmanager
def worker(env: Mapping[str, str]) -> Iterator[dict[str, Stage]]:
    """All three stages, each ready, ended with the block."""
    stages = {name: Stage(name, env) for name in STAGES}
    try:
        for stage in stages.values():
            stage.launch()
        for stage in stages.values():
            stage.wait_ready()
        yield stages
    finally:
        for stage in stages.values():
            stage.stop()
