"""Run the stages: `planwatch worker` all three as processes, `planwatch worker measure` one.

The parent only watches: it passes SIGTERM and SIGINT on, and when one stage ends it ends the others and takes
over the exit code, so that an installation never runs half, and says which one it was. Whoever starts it
(systemd, a container) starts it again; state is safe at any moment.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable


#: seconds that a child told to stop may take
_PATIENCE_S = 15


class StageName(StrEnum):
    """The three stages."""

    MEASURE = "measure"
    EVALUATE = "evaluate"
    RESPOND = "respond"


def command(
    stage: Annotated[StageName | None, typer.Argument(help="one stage only; default: all three")] = None,
) -> None:
    """Example: planwatch worker

    Runs until SIGTERM or Ctrl-C. Each stage has a page (/metrics, /-/healthy, /-/ready, /status) on
    127.0.0.1, ports 6066 to 6068. A second worker on the same Kafka shares the work or stands by; give it
    other ports (PLANWATCH_WEB__MEASURE_PORT…).
    """
    from agents.process import TOLD, end_with_parent, preload, run_stage
    from streams.admin import check_topics
    from streams.app import STAGES, Wiring
    from streams.catalogue import default_folder, load_catalogue
    from streams.cli._folder import channel_kinds
    from streams.settings import load_settings

    settings = load_settings()
    catalogue = load_catalogue(settings.catalogue or default_folder(), channel_kinds())
    check_topics(settings)
    wiring = Wiring(settings, catalogue)
    if stage is not None:
        run_stage(stage.value, wiring)
    parent = os.getpid()

    def run(name: str) -> None:
        end_with_parent(parent)
        run_stage(name, wiring)

    preload()
    signal.pthread_sigmask(signal.SIG_BLOCK, TOLD)
    children = {_fork(partial(run, name)): name for name in STAGES}
    sys.exit(_Parent(children).watch(TOLD))


def _fork(run: "Callable[[], None]") -> int:
    pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(1)
    return pid


class _Parent:
    """Waits for the children; the first that ends, ends the rest.

    A child that does not end in time is killed: its state is safe.
    """

    def __init__(self, children: dict[int, str]) -> None:
        self._children = children
        self._stopping = False
        self._killed = False

    def watch(self, told: "Iterable[signal.Signals]") -> int:
        """Until all have ended; gives the exit code of the first that failed."""
        for number in told:
            signal.signal(number, self._pass_on)
        signal.signal(signal.SIGALRM, self._kill)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, told)
        code = 0
        while self._children:
            pid, status = os.wait()
            stage = self._children.pop(pid, None)
            if stage is None:
                continue  # an orphan that a container's first process is given
            ended = os.waitstatus_to_exitcode(status)
            if not self._stopping or ended not in (0, code):
                self._say(stage, ended)
            code = code or (ended if ended >= 0 else 128 - ended)
            if not self._stopping:
                self._pass_on(signal.SIGTERM, None)
        return code

    def _pass_on(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        self._signal_all(signal.SIGTERM)
        signal.alarm(_PATIENCE_S)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        self._killed = True
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: int) -> None:
        for pid in list(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _say(self, stage: str, ended: int) -> None:
        """One line about a stage that ended by itself, or badly."""
        if ended > 0:
            what = f"{stage} ended with exit code {ended}; its own line says why"
        elif ended == 0:
            what = f"{stage} was told to stop"
        elif self._killed:
            what = f"{stage} did not stop within {_PATIENCE_S} s and was killed"
        else:
            what = f"{stage} was killed ({signal.Signals(-ended).name})"
        others = "" if self._stopping else "; the other stages are stopped too"
        sys.stderr.write(f"planwatch worker: {what}{others} — it is safe to start again\n")
        sys.stderr.flush()
