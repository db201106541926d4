"""One server of a test: a process in a folder of its own, started until ready, ended by its process id.

Decides how a server is waited for and how it ends. Refuses to know what the server is, and to install
anything: that is for `tests/run`, which calls `tests/servers/install/`.
"""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.servers.waiting import ServerError, wait_until


def cache_folder() -> Path:
    """The folder that `tests/run` keeps what it builds in."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("PLANWATCH_CACHE") or base / "planwatch-tests")


def program(name: str) -> str:
    """The path of an installed command; ServerError if there is none."""
    found = shutil.which(name)
    if found is None:
        raise ServerError(f"{name} is not installed; `tests/run integration` installs what the servers need")
    return found


def _ending_with_us() -> list[str]:
    """The words before a command that end it when this process is killed and can do nothing more.

    The kernel watches the thread that started the process, so only what the main thread starts can have them.
    """
    if shutil.which("setpriv") is None or threading.current_thread() is not threading.main_thread():
        return []
    return ["setpriv", "--pdeathsig", "KILL", "--"]


class Server:
    """A process that answers when `ready()` is true. Members of the family say `command()` and `ready()`."""

    name = "server"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"planwatch-{self.name}-"))
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)  # whatever a test forgets is gone when the run ends

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return os.environ

    def ready(self) -> bool:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        if self.process is None:
            raise ServerError(f"{self.name} was not started")
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def exit_code(self) -> int:
        """How the process ended; ServerError while it lives."""
        code = self.process.poll() if self.process is not None else None
        if code is None:
            raise ServerError(f"{self.name} has not ended")
        return code

    def keep_output(self, folder: Path) -> None:
        """Copies everything that the server printed into `folder`, for when its own is gone."""
        log = self.folder / "output.log"
        if log.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(log, folder / f"{self.folder.name}.log")

    def output(self) -> str:
        """The last lines that the server printed."""
        log = self.folder / "output.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    def launch(self) -> None:
        """Starts the process without waiting for it."""
        with (self.folder / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_ending_with_us(), *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=dict(self.environment()),
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        def ready() -> bool:
            if not self.alive:
                raise ServerError(f"{self.name} ended before it was ready; it printed:\n{self.output()}")
            return self.ready()

        wait_until(ready, f"{self.name} in {self.folder} is ready")

    def start(self) -> Self:
        """Starts the process and returns when it answers. What was killed starts again on its data."""
        self.launch()
        self.wait_ready()
        return self

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9; nothing is flushed. The folder stays, so that `start` finds the data as it was left."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def terminate(self, seconds: float = 20) -> None:
        """Asks the process to end, and kills it when it does not in time."""
        self.signal(signal.SIGTERM)
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.kill()

    def pause(self) -> None:
        """The process stands still (SIGSTOP): its connections stay open, nothing is answered."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends the process and removes its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
