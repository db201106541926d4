"""Moments: a stage is struck where it matters, not where it happens to be.

Whoever harms says in a file which signal is due before which step of a flush; the process, run in place of
`planwatch` by the suite, strikes itself there. `kill -9` of oneself is `kill -9`: nothing is left to be done.
"""

import os
import signal
from pathlib import Path
from typing import Any, NamedTuple

from agents.measure import MeasureStage
from tests.servers.waiting import wait_until

#: the variable that names the file
VARIABLE = "FAULTS_MOMENT"
#: flushes of any partition that come first: the process has written and acknowledged, and read on
_BEFORE = 12
STEPS = ("_write_rows", "_write_pages", "_write_ledger")


class Moment(NamedTuple):
    """Before which step of a flush of measure, and by which signal."""

    step: str
    by: signal.Signals = signal.SIGKILL

    def strike(self, file: Path, seconds: float) -> None:
        """Ask for it, and return when it has happened."""
        file.write_text(f"{self.by} {self.step}")
        try:
            wait_until(lambda: not file.exists(), f"{self.by.name} before {self.step}", seconds)
        finally:
            file.unlink(missing_ok=True)


def watch() -> None:
    """Let this process be struck when it is asked for; otherwise nothing changes."""
    for step in STEPS:
        setattr(MeasureStage, step, _watched(step, getattr(MeasureStage, step)))


def _watched(name: str, step: Any) -> Any:
    file, arrivals = Path(os.environ[VARIABLE]), 0

    async def watched(*args: Any) -> Any:
        nonlocal arrivals
        arrivals += 1
        if arrivals > _BEFORE and file.exists():
            number, _, wanted = file.read_text().partition(" ")
            if wanted == name:
                file.unlink()
                os.kill(os.getpid(), int(number))
        return await step(*args)

    return watched
