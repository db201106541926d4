"""Events of several files in one order of event time, in bounded memory.

An external merge sort: up to `RUN` events are sorted in memory; more go as sorted runs into one temporary
file each and are merged while they are sent. Files need not be sorted. Events of one time keep the order of
files and lines, so that a repetition sends the same sequence.
"""

import heapq
import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

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
        self._folder: TemporaryDirectory[str] | None = None
        self._runs: list[Path] = []
        #: how many messages were taken, by topic
        self.topics: Counter[str] = Counter()

    def add(self, message: Message) -> None:
        """Take one more."""
        self._memory.append(message)
        self.topics[message.topic] += 1
        if len(self._memory) >= self._limit:
            self._spill()

    @property
    def count(self) -> int:
        """How many messages were taken."""
        return self.topics.total()

    def __iter__(self) -> Iterator[Message]:
        self._memory.sort()
        return heapq.merge(*map(_read, self._runs), self._memory)

    def close(self) -> None:
        """Remove the temporary files."""
        if self._folder is not None:
            self._folder.cleanup()
        self._folder, self._runs, self._memory = None, [], []

    def _spill(self) -> None:
        self._memory.sort()
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="planwatch-publish-")
        path = Path(self._folder.name) / str(len(self._runs))
        with path.open("wb") as run:
            for message in self._memory:
                pickle.dump(tuple(message), run, pickle.HIGHEST_PROTOCOL)
        self._runs.append(path)
        self._memory = []


def _read(path: Path) -> Iterator[Message]:
    with path.open("rb") as run:
        while True:
            try:
                yield Message(*pickle.load(run))
            except EOFError:
                return
