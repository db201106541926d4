"""The points that wait in memory, in order, and up to which version nothing waits any more.

Decides what is dropped when memory is full: the oldest. Refuses to wait, to format, to write.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.engine.figures import Figure


class Chunk(NamedTuple):
    """What one `put` brought: figures not yet formatted, and lines that already are.

    `term` counts the ownerships of this process: an earlier one than the backlog's is a former one.
    """

    version: int
    figures: Sequence[Figure]
    lines: Sequence[str]
    term: int = 0

    @property
    def points(self) -> int:
        """How many points it makes at most."""
        return len(self.figures) + len(self.lines)


@dataclass(eq=False)
class Flight:
    """Chunks taken out together: on their way to the server or to the disk, and not safe until landed."""

    chunks: list[Chunk]
    lines: list[str] = field(default_factory=list)
    spilled: bool = False

    @property
    def oldest(self) -> int:
        """The lowest version in it."""
        return min(chunk.version for chunk in self.chunks)


@dataclass
class Backlog:
    """A queue of at most `limit` points. `version` is the highest ever put, `term` the ownership now."""

    limit: int
    points: int = 0
    version: int = -1
    term: int = 0
    _chunks: deque[Chunk] = field(default_factory=deque)
    _flights: list[Flight] = field(default_factory=list)

    @property
    def flying(self) -> int:
        """Points that were taken out and have not landed."""
        return sum(chunk.points for flight in self._flights for chunk in flight.chunks)

    def put(self, chunk: Chunk) -> int:
        """Append; how many old points had to go for it."""
        self.version = max(self.version, chunk.version)
        dropped = 0
        if chunk.points:
            self._chunks.append(chunk._replace(term=self.term))
            self.points += chunk.points
            while self.points > self.limit:
                oldest = self._chunks.popleft()
                self.points -= oldest.points
                dropped += oldest.points
        return dropped

    def take(self, most: int) -> Flight:
        """Take the oldest points, at most so many; the version of what stays behind is not safe either."""
        chunks, room = [], most
        while self._chunks and room:
            chunk = self._chunks.popleft()
            if chunk.points > room:
                chunk, rest = _split(chunk, room)
                self._chunks.appendleft(rest)
            chunks.append(chunk)
            room -= chunk.points
        self.points -= most - room
        flight = Flight(chunks)
        if chunks:
            self._flights.append(flight)
        return flight

    def is_former(self, flight: Flight) -> bool:
        """Whether any of it was put by an ownership that has ended."""
        return any(chunk.term < self.term for chunk in flight.chunks)

    def land(self, flight: Flight) -> None:
        """The flight is written or spilled; landing twice changes nothing."""
        if flight in self._flights:
            self._flights.remove(flight)

    def give_back(self, flight: Flight) -> None:
        """The flight did not happen: its points wait again, before all others."""
        self.land(flight)
        self._chunks.extendleft(reversed(flight.chunks))
        self.points += sum(chunk.points for chunk in flight.chunks)

    def safe_version(self) -> int:
        """Nothing of this version or an older one waits.

        Versions fall where a partition comes back: then the oldest may stand behind a newer one.
        """
        waiting = [flight.oldest for flight in self._flights]
        waiting += [chunk.version for chunk in self._chunks]
        return min(waiting) - 1 if waiting else self.version


def _split(chunk: Chunk, most: int) -> tuple[Chunk, Chunk]:
    version, figures, lines, term = chunk
    spare = max(0, most - len(figures))
    first = Chunk(version, figures[:most], lines[:spare], term)
    return first, Chunk(version, figures[most:], lines[spare:], term)
