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


_TOLD = {signal.SIGTERM, signal.SIGINT}
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
    from agents.process import end_with_parent, preload, run_stage
    from streams.admin import check_topics
    from streams.app import STAGES
    from streams.catalogue import default_folder, load_catalogue
    from streams.cli._folder import channel_kinds
    from streams.settings import load_settings

    settings = load_settings()
    load_catalogue(settings.catalogue or default_folder(), channel_kinds())
    check_topics(settings)
    if stage is not None:
        run_stage(stage.value, settings)
    parent = os.getpid()

    def run(name: str) -> None:
        end_with_parent(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
        run_stage(name, settings)

    preload()
    signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD)
    children = {_fork(partial(run, name)): name for name in STAGES}
    sys.exit(_supervise(children))


def _fork(run: "Callable[[], None]") -> int:
    pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(1)
    return pid


def _supervise(children: dict[int, str]) -> int:
    """Wait for the children; the first that ends, ends the rest. Gives the exit code of the first that
    failed.

    A child that does not end in time is killed: its state is safe.
    """
    code = 0

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        _signal_all(children, signal.SIGTERM)
        signal.alarm(_PATIENCE_S)

    def kill(_number: int, _frame: FrameType | None) -> None:
        _signal_all(children, signal.SIGKILL)

    for number, handler in ((signal.SIGTERM, pass_on), (signal.SIGINT, pass_on), (signal.SIGALRM, kill)):
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
    while children:
        pid, status = os.wait()
        children.pop(pid, None)
        ended = os.waitstatus_to_exitcode(status)
        if ended != 0 and code == 0:
            code = ended if ended > 0 else 128 - ended
        pass_on(signal.SIGTERM, None)
    return code


def _signal_all(children: dict[int, str], number: int) -> None:
    for pid in list(children):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
