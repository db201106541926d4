"""Run the stages: `planwatch worker` all three as processes, `planwatch worker measure` one.

The parent only watches: it passes SIGTERM and SIGINT on, and when one stage ends it ends the others and takes
over the exit code, so that an installation never runs half. Whoever starts it (systemd, a container) starts
it again; state is safe at any moment.
"""

import contextlib
import os
import signal
import sys
from enum import StrEnum
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable


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
    from agents.process import end_with_parent, preload, run_stage
    from streams.admin import check_topics
    from streams.app import STAGES, wire
    from streams.settings import load_settings

    settings = load_settings()
    wire(settings)
    check_topics(settings)
    if stage is not None:
        sys.exit(run_stage(stage.value, settings))

    def _stage(name: str) -> int:
        end_with_parent()
        return run_stage(name, settings)

    preload()
    sys.exit(_supervise({_fork(partial(_stage, name)): name for name in STAGES}))


def _fork(run: "Callable[[], int]") -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(run())
    return pid


def _supervise(children: dict[int, str]) -> int:
    """Wait for the children; the first that ends badly ends the rest. The exit code of the first that
    failed."""
    code = 0

    def pass_on(number: int, _frame: FrameType | None) -> None:
        _signal_all(children, signal.SIGTERM)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    while children:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            break
        children.pop(pid, None)
        ended = os.waitstatus_to_exitcode(status)
        if ended != 0 and code == 0:
            code = ended if ended > 0 else 128 - ended
        _signal_all(children, signal.SIGTERM)
    return code


def _signal_all(children: dict[int, str], number: int) -> None:
    for pid in list(children):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
