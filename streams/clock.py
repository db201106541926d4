"""The only reader of the wall clock. Everything that decides takes time as an argument instead."""

import time
from typing import Protocol


class Clock(Protocol):
    """What the edge asks for the time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z."""
        ...


class WallClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z, by the machine's clock."""
        return time.time_ns() // 1_000_000


class SettableClock:
    """A clock that stands still until it is moved: for tests and backtests."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time it was set to."""
        return self._now_ms

    def advance(self, by_ms: int) -> None:
        """Move forward."""
        self._now_ms += by_ms
