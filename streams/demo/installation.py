"""The demonstration's installation: a copy of the default catalogue that is live, and settings of its own."""

import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from streams.catalogue import default_folder

#: what differs from the default catalogue's installation.yaml
_CHANGES = {"live": "true", "stale_after": "12h", "disorder": "10s", "idle_after": "5s"}
_PORTS = ("MEASURE_PORT", "EVALUATE_PORT", "RESPOND_PORT")


def make_catalogue(folder: Path) -> Path:
    """Copy the default catalogue to `folder` and make it live; gives the folder."""
    shutil.copytree(default_folder(), folder)
    for rule in (folder / "rules").glob("*_late.yaml"):
        rule.unlink()  # last week's events arrive a week late here, and that is no news
    path = folder / "installation.yaml"
    lines = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.partition(":")[0] not in _CHANGES
    ]
    lines += [f"{name}: {value}" for name, value in _CHANGES.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def environment(bootstrap: str, catalogue: Path, data_dir: Path) -> dict[str, str]:
    """The environment of the demonstration's worker: quick flushes, free ports, no InfluxDB."""
    ours = {
        "KAFKA__BOOTSTRAP": bootstrap,
        "KAFKA__PARTITIONS": "2",
        "KAFKA__IDEMPOTENT": "false",
        "KAFKA__PREFIX": "planwatch",
        "CATALOGUE": str(catalogue),
        "DATA_DIR": str(data_dir),
        "MEASURE__FLUSH_MS": "100",
        "EVALUATE__COMMIT_MS": "250",
        "RESPOND__TICK_S": "0.5",
        "INFLUX__URL": "",
        "LOG_LEVEL": "WARNING",
        **{f"WEB__{name}": str(port) for name, port in zip(_PORTS, _free_ports(len(_PORTS)), strict=True)},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLANWATCH_")}
    return kept | {f"PLANWATCH_{name}": value for name, value in ours.items()} | {"PYTHONUNBUFFERED": "1"}


def pages(env: Mapping[str, str]) -> dict[str, str]:
    """The address of each stage's page."""
    names = ("measure", "evaluate", "respond")
    ports = (env[f"PLANWATCH_WEB__{name}"] for name in _PORTS)
    return {name: f"http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
