"""A process held to a rate from outside: it stands still (SIGSTOP) for a part of every tenth of a second.

Planwatch has no setting that limits its rate, and needs none: this stands for a machine that is too small. A
stop is far shorter than a session, so the group sees a member that is slow and not one that is gone.
"""

import signal
import threading
import time
from collections.abc import Callable
from typing import Self

from tests.servers.process import Server

_PERIOD_S = 0.1
_LEAST, _MOST = 0.05, 0.95
_CORRECT_S = 2.0


class Throttle:
    """`with Throttle(stage, per_s, done): …` until the block ends; `done()` says how much is done so far."""

    def __init__(self, server: Server, per_s: float, done: Callable[[], int]) -> None:
        self._server, self._per_s, self._done = server, per_s, done
        self._part = 0.3
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._pulse, self._correct)]

    def _pulse(self) -> None:
        while not self._ended.is_set():
            self._server.resume()
            time.sleep(self._part * _PERIOD_S)
            self._server.pause()
            time.sleep((1 - self._part) * _PERIOD_S)
        self._server.resume()

    def _correct(self) -> None:
        """Give it more or less of its time, by how fast it was lately."""
        before, at_s = self._done(), time.monotonic()
        while not self._ended.wait(_CORRECT_S):
            now, now_s = self._done(), time.monotonic()
            rate = (now - before) / (now_s - at_s)
            change = min(1.5, max(0.7, self._per_s / max(rate, 1)))
            self._part = min(_MOST, max(_LEAST, self._part * change))
            before, at_s = now, now_s

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._server.signal(signal.SIGCONT)
