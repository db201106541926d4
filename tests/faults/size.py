"""How much memory and disk an installation takes while it is harmed."""

from pathlib import Path

import psutil

from tests.faults.installation import Installation


def size_of(installation: Installation) -> dict[str, float]:
    """MB of memory of the largest process of each stage, and MB of the brokers' logs by kind of topic."""
    found: dict[str, float] = {}
    for (_, name), stage in list(installation.stages.items()):
        if stage.alive:
            found[name] = max(found.get(name, 0.0), _memory_mb(stage.pid))
    for kind, pattern in (
        ("changelogs", "*-changelog-*"),
        ("cells", "*.cells.v1-*"),
        ("inbox", "*.inbox.v1-*"),
    ):
        logs = (node.folder / "logs" for node in installation.kafka.nodes.values())
        found[f"{kind} on disk"] = round(sum(_bytes(log, pattern) for log in logs) / 1e6, 1)
    return found


def _memory_mb(pid: int) -> float:
    try:
        return round(float(psutil.Process(pid).memory_info().rss) / 1e6, 1)
    except psutil.NoSuchProcess:
        return 0.0


def _bytes(log: Path, pattern: str) -> int:
    total = 0
    for path in log.glob(f"{pattern}/*.log"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # cleaned meanwhile
            continue
    return total
