"""One stage as a process: page, stage, signals, and an end within ten seconds."""

import asyncio
import ctypes
import importlib
import logging
import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from agents.ending import explained, say
from agents.memory import keep_small, settle
from schemas import __version__
from streams.notes import remove_note
from streams.telemetry.happenings import WorkerStarted, WorkerStopping

if TYPE_CHECKING:
    from streams.app import Wiring

#: SIGTERM: what is not finished by then is finished by the next owner from the log
_STOP_S = 9.5
#: the signals that tell a stage to stop; a fork of `planwatch worker` begins with them blocked
TOLD = {signal.SIGTERM, signal.SIGINT}
_PR_SET_PDEATHSIG = 1


def preload() -> None:
    """Import what all stages need; forked stages share it in memory, also when they look for garbage."""
    for module in (
        "agents.measure",
        "agents.evaluate",
        "agents.respond",
        "streams.web",
        "streams.channels.dispatch",
    ):
        importlib.import_module(module)
    settle()


def end_with_parent(parent: int) -> None:
    """Be told to stop when the process that forked us dies, however it dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def run_stage(name: str, wiring: "Wiring") -> NoReturn:
    """Run a stage until it is told to stop, and end the process."""
    keep_small()
    asyncio.run(_run_and_end(name, wiring))
    raise AssertionError("unreachable")


async def _run_and_end(name: str, wiring: "Wiring") -> NoReturn:
    """Nothing is waited for at the end: a library that is still starting may wait long for a broker."""
    code = 0
    try:
        await _run(name, wiring)
    except BaseException as error:
        known = explained(error)
        say(name, known)
        code = known.exit_code
    logging.shutdown()
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(code)


async def _run(name: str, wiring: "Wiring") -> None:
    from agents.assemble import assemble

    threading.excepthook = _one_line
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _told_to_stop, name, ended)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TOLD)
    parts = await assemble(name, wiring)
    settle()
    stage = parts.stage
    assert stage is not None
    starting = asyncio.create_task(stage.start())
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
    address = parts.page.address
    if ended.is_set() and not starting.done():
        remove_note(wiring.settings.data_dir, name, address)
        return
    await starting
    parts.telemetry.tell(WorkerStarted(__version__, address))
    await waiting
    parts.telemetry.tell(WorkerStopping("told to stop"))
    await stage.stop()
    await parts.page.stop()
    remove_note(wiring.settings.data_dir, name, address)


def _one_line(failed: threading.ExceptHookArgs) -> None:
    """A library's thread that fails, as it does when we stop without a broker, is a line and no traceback."""
    logging.getLogger("planwatch").error("a library's thread ended: %r", failed.exc_value)


def _told_to_stop(name: str, ended: asyncio.Event) -> None:
    """Stop, and be gone in ten seconds even if the loop stands still; being told again changes nothing."""
    if ended.is_set():
        return
    ended.set()
    timer = threading.Timer(_STOP_S, partial(_give_up, name))
    timer.daemon = True
    timer.start()


def _give_up(name: str) -> None:
    say(name, f"not finished {_STOP_S:.0f} s after being told to stop — what was not written is read again")
    os._exit(1)
