"""Events of several files in one order of event time, in bounded memory.

An external merge sort: up to `RUN` events are sorted in memory; more go as sorted runs into one temporary file each
and are merged while they are sent. Files need not be sorted. Events of one time keep the order of files and lines, so
that a repetition sends the same sequence.
"""

import heapq
import pickle
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

#: events in memory at once, about 100 MB of them
RUN = 200_000


class Message(NamedTuple):
    """A checked event, ready to be sent; sorts by event time, then file and line."""

    occurred_ms: int
    file: int
    line: int
    topic: str
    key: bytes
    value: bytes


class Merge:
    """Takes messages in any order and gives them back in order, once; `close` lets the temporary files go."""

    def __init__(self, run: int = RUN) -> None:
        self._limit = run
        self._memory: list[Message] = []
        self._spilled: list[IO[bytes]] = []
        self.count = 0

    def add(self, message: Message) -> None:
        """Take one more."""
        self._memory.append(message)
        self.count += 1
        if len(self._memory) >= self._limit:
            self._spill()

    def __iter__(self) -> Iterator[Message]:
        self._memory.sort()
        runs: list[Iterator[Message]] = [_read(file) for file in self._spilled]
        return heapq.merge(*runs, self._memory)

    def close(self) -> None:
        """Remove the temporary files."""
        for file in self._spilled:
            file.close()
        self._spilled, self._memory = [], []

    def _spill(self) -> None:
        self._memory.sort()
        file = tempfile.TemporaryFile(prefix="planwatch-publish-")
        for message in self._memory:
            pickle.dump(tuple(message), file, pickle.HIGHEST_PROTOCOL)
        self._spilled.append(file)
        self._memory = []


def _read(file: IO[bytes]) -> Iterator[Message]:
    file.seek(0)
    while True:
        try:
            yield Message(*pickle.load(file))
        except EOFError:
            return
