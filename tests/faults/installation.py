"""The installation that is harmed: brokers, two hosts of three stages behind a network, sinks, a small disk.

Each host reaches the brokers by a network of its own, so that one can be cut off while the other goes on. A
stage that ends by itself is started again, as systemd would, and its words are kept.
"""

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.faults.logs import Logs
from tests.faults.moments import VARIABLE
from tests.faults.poison import TOO_LARGE
from tests.faults.sinks import BUCKET, FINAL, SECRET, TOKEN, Sinks
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import REPOSITORY, STAGES, Stage, environment
from tests.servers.toxiproxy import Toxiproxy
from tests.servers.waiting import ServerError

HOSTS = ("host-a", "host-b")
CATALOGUE = Path(__file__).parent / "catalogue"
SESSION_S = 3.0
#: MB of the disk that a host's points may wait on: a day of them while sinks are ill may pass in some minutes
_DISK_MB = 64


class Shape(NamedTuple):
    """How large the installation is. `breakage` names a deliberate one; `settings` are a worker's.

    `haste`: seconds of event time in one of ours; what brokers do daily is to be done as often.
    """

    brokers: int = 1
    partitions: int = 2
    hosts: tuple[str, ...] = HOSTS
    stages: tuple[str, ...] = STAGES
    breakage: str = ""
    idle_after: str = "30s"
    settings: tuple[tuple[str, object], ...] = ()
    haste: float = 1.0


class End(NamedTuple):
    """A stage that ended by itself: when (monotonic), its exit code and its last words."""

    at_s: float
    stage: str
    code: int
    words: str


class Installation:
    """`with Installation(folder, Shape()) as installation: …`: everything runs, nobody sends yet.

    On a `kafka` that it is given, hosts have no network of their own, and brokers are not to be harmed.
    """

    def __init__(
        self, folder: Path, shape: Shape, prefix: str = "f", kafka: KafkaCluster | None = None
    ) -> None:
        self.folder, self.shape, self.prefix = folder, shape, prefix
        self.proxy = Toxiproxy()
        self._has_own_kafka = kafka is None
        self.kafka = kafka or KafkaCluster(shape.brokers)
        self.logs = Logs(self.kafka, prefix, shape.partitions)
        self.sinks = Sinks()
        self.catalogue = folder / "catalogue"
        self.stages: dict[tuple[str, str], Stage] = {}
        self.ended: list[End] = []
        #: what was noticed while it was harmed and must not be
        self.complaints: list[str] = []
        #: sinks that once gave an answer that is final
        self.final: set[str] = set()
        self._envs: dict[str, dict[str, str]] = {}
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._down: set[tuple[str, str]] = set()
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    @property
    def bootstrap(self) -> str:
        """The brokers, by no network that can be harmed."""
        return self.kafka.bootstrap

    def moment(self, host: str) -> Path:
        """The file in which a host's measure is told when to be struck."""
        return self.folder / f"{host}.moment"

    def __enter__(self) -> Self:
        try:
            self._enter()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _enter(self) -> None:
        stack, shape = self._stack, self.shape
        doors = dict.fromkeys(shape.hosts, self.kafka.bootstrap)
        if self._has_own_kafka:
            stack.enter_context(self.proxy)
            doors = {host: self.kafka.open_door(_door(host), self.proxy) for host in shape.hosts}
            stack.enter_context(self.kafka)
        stack.enter_context(self.sinks)
        self._write_catalogue()
        for host in shape.hosts:
            disk = self.folder / host
            disk.mkdir(parents=True)
            if "evaluate" in shape.stages:
                self._mount(disk)
            self._envs[host] = self._environment(doors[host]) | {VARIABLE: str(self.moment(host))}
        self.command("topics", "apply")
        self.logs.churn(shape.haste)
        stack.callback(self._stop_stages)
        for host in shape.hosts:
            for name in shape.stages:
                self.launch(host, name)
        for stage in self.stages.values():
            stage.wait_ready()
        self._keeper.start()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _write_catalogue(self) -> None:
        shutil.copytree(CATALOGUE, self.catalogue)
        channels = self.catalogue / "channels.yaml"
        channels.write_text(re.sub(r"port: \d+", f"port: {self.sinks.mail_port}", channels.read_text()))
        company = self.catalogue / "installation.yaml"
        idle_after = f"idle_after: {self.shape.idle_after}"
        company.write_text(re.sub(r"idle_after: \S+", idle_after, company.read_text()))

    def _environment(self, bootstrap: str) -> dict[str, str]:
        sink = {"URL": self.sinks.influx_url, "TOKEN": TOKEN, "BUCKET": BUCKET, "LINES": 500, "LINGER_S": 0.2}
        settings: dict[str, object] = {
            "KAFKA__PARTITIONS": self.shape.partitions,
            "KAFKA__SESSION_TIMEOUT_S": SESSION_S,
            "KAFKA__REQUEST_TIMEOUT_S": 12,
            "KAFKA__STALL_S": 40,
            "MEASURE__VALUE_BYTES": TOO_LARGE - 1,
            "RESPOND__TICK_S": 0.5,
            "RESPOND__ATTEMPTS": 30,
            **{f"INFLUX__{name}": value for name, value in sink.items()},
            **dict(self.shape.settings),
        }
        env = environment(bootstrap, self.prefix, self.catalogue, **settings)
        env |= {"FAULTS_HOOK_URL": f"{self.sinks.hook_url}/hook", "FAULTS_HOOK_SECRET": SECRET}
        return env | {"FAULTS_BREAKAGE": self.shape.breakage}

    def command(self, *arguments: str) -> str:
        """What one `planwatch` command prints, run beside the brokers."""
        env = environment(
            self.bootstrap, self.prefix, self.catalogue, KAFKA__PARTITIONS=self.shape.partitions
        )
        command = [sys.executable, "-m", "streams.cli.main", *arguments]
        done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"planwatch {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def _mount(self, disk: Path) -> None:
        options = ["-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs"]
        subprocess.run(["mount", *options, str(disk)], check=True, capture_output=True)
        self._stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=False, capture_output=True)

    def launch(self, host: str, name: str) -> None:
        """Start a stage of a host, or start it again; does not wait for it."""
        key = (host, name)
        with self._lock:
            stage = self.stages.get(key)
            if stage is None:
                stage = self.stages[key] = _Broken(name, self._envs[host])
                stage.env["PLANWATCH_DATA_DIR"] = str(self.folder / host)
            self._down.discard(key)
            stage.launch()

    def take_down(
        self, host: str, name: str, *, kill: bool, when: Callable[[], object] = lambda: None
    ) -> None:
        """End a stage on purpose, once `when` has returned: nobody starts it again before `launch`."""
        with self._lock:
            self._down.add((host, name))
        when()
        stage = self.stages[host, name]
        if kill:
            stage.kill()
        else:
            stage.terminate(seconds=12)

    def rest(self) -> None:
        """End every stage on purpose: what is compared from now on stands still."""

        def end(key: tuple[str, str]) -> None:
            with suppress(ServerError):  # one that is broken may not end by itself; all are stopped at last
                self.take_down(*key, kill=bool(self.shape.breakage))

        with ThreadPoolExecutor(len(self.stages)) as pool:
            list(pool.map(end, self.stages))

    def _keep(self) -> None:
        """Start again what ended by itself, and keep its last words."""
        while not self._over.wait(0.2):
            with self._lock:
                for key, stage in self.stages.items():
                    if key not in self._down and not stage.alive:
                        self.ended.append(
                            End(time.monotonic(), "/".join(key), stage.exit_code, stage.output())
                        )
                        stage.launch()

    def _stop_stages(self) -> None:
        self._over.set()
        with suppress(RuntimeError):
            self._keeper.join()
        for stage in self.stages.values():
            stage.keep_output(self.folder / "logs")
            stage.stop()

    def active(self, name: str) -> tuple[Stage, dict[str, Any]] | None:
        """The stage of this name that is in charge of its log, and its status; None while nobody is."""
        for (_, stage_name), stage in self.stages.items():
            if stage_name != name or not stage.alive:
                continue
            with suppress(OSError):
                status = stage.json("/status")
                if status["ready"] and not status.get("standby", False):
                    return stage, status
        return None

    def points_waiting(self) -> int:
        """Points for InfluxDB that wait on any host."""
        waiting = 0
        for (_, name), stage in self.stages.items():
            if name == "evaluate" and stage.alive:
                waiting += stage.json("/status")["exporters"]["influx"]["waiting"]
        return waiting

    def guest(self, host: str, name: str) -> Stage:
        """One more worker of a stage, on a host's network."""
        stage = _Broken(name, self._envs[host])
        stage.env["PLANWATCH_DATA_DIR"] = str(self.folder / host)
        stage.launch()
        return stage

    def send_home(self, guest: Stage, *, kill: bool) -> None:
        """End a guest."""
        if kill:
            guest.kill()
        else:
            guest.terminate(seconds=12)
        guest.keep_output(self.folder / "logs")
        guest.stop()

    def ail(self, sink: str, mode: str) -> None:
        """Let a sink be ill in this way from now on, or well (`ok`)."""
        self.sinks.mode[sink] = mode
        if mode in FINAL.get(sink, ()):
            self.final.add(sink)

    def fill_disk(self, host: str) -> None:
        """Leave no byte free on the host's disk."""
        with suppress(OSError), (self.folder / host / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)

    def free_disk(self, host: str) -> None:
        (self.folder / host / "filler").unlink(missing_ok=True)


class _Broken(Stage):
    """A stage as it is, or with the deliberate breakage that its environment names."""

    def command(self) -> list[str]:
        module = "tests.faults.breakages" if self.env["FAULTS_BREAKAGE"] else "streams.cli.main"
        return [sys.executable, "-m", module, "worker", self.name]


def _door(host: str) -> str:
    return host.replace("-", "").upper()


def door_names(installation: Installation, host: str) -> list[str]:
    """The proxies by which a host reaches the brokers."""
    return [f"{_door(host)}-{number}" for number in installation.kafka.nodes]
