"""One stage as a process: page, stage, signals, and an end within ten seconds."""

import asyncio
import ctypes
import importlib
import os
import signal
import sys

from schemas import __version__
from schemas.errors import PlanwatchError
from streams.settings import Settings
from streams.telemetry.happenings import WorkerStarted, WorkerStopping

#: SIGTERM: what is not finished by then is finished by the next owner from the log
_STOP_S = 10.0
_PR_SET_PDEATHSIG = 1


def preload() -> None:
    """Import what all stages need, so that forked stages share it in memory."""
    for module in (
        "agents.measure",
        "agents.evaluate",
        "agents.respond",
        "streams.web",
        "streams.channels.dispatch",
    ):
        importlib.import_module(module)


def end_with_parent() -> None:
    """Be told to stop when the process that forked us dies, however it dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run_stage(name: str, settings: Settings) -> int:
    """Run a stage until it is told to stop; gives the exit code."""
    try:
        return asyncio.run(_run(name, settings))
    except PlanwatchError as error:
        sys.stderr.write(f"planwatch {name}: {error}\n")
        return error.exit_code


async def _run(name: str, settings: Settings) -> int:
    from agents.assemble import assemble

    parts = await assemble(name, settings)
    stage = parts.stage
    assert stage is not None
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await stage.start()
    parts.telemetry.tell(WorkerStarted(__version__, parts.page.address))
    await ended.wait()
    parts.telemetry.tell(WorkerStopping("told to stop"))
    asyncio.get_running_loop().call_later(_STOP_S, os._exit, 1)
    await stage.stop()
    if parts.exporters is not None:
        await parts.exporters.stop()
    await parts.page.stop()
    return 0
