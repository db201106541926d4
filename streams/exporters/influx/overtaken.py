"""Points that reached the server when their writer may have had a successor: what that one must write again.

A server keeps what is written last, and of all points only those of closed calendar periods are ever written
with another value. A worker that fell asleep, was cut off, or comes back with points on its disk may bring
such a one after its successor brought a newer. So what lands is in doubt until the broker has taken an
acknowledgement that was sent later; what is in doubt when ownership ends is said in the cells topic.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from schemas.records import ClosedPeriod
from streams.exporters.base import WriteAgain
from streams.exporters.influx.lines import closed_period

#: lines kept in doubt as they are; beyond, only their periods are
MOST_LINES = 100_000
#: periods told apart by scope; beyond, a period stands for all of its scopes
MOST_PERIODS = 10_000

#: periods said together
_TOGETHER = 500

_Scope = tuple[tuple[str, str], ...]


class Periods:
    """Closed periods without repeats, at most `most` of them told apart by scope."""

    def __init__(self, most: int = MOST_PERIODS) -> None:
        self._most = most
        self._scopes: dict[tuple[str, int], set[_Scope] | None] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._scopes)

    def add(self, lines: Iterable[str]) -> None:
        """Add the periods of those lines that are of any."""
        for line in lines:
            period = closed_period(line)
            if period is not None:
                self.put(period)

    def put(self, period: ClosedPeriod) -> None:
        """Add one."""
        place = period.window, period.end_ms
        scopes = self._scopes.setdefault(place, set())
        if scopes is None:
            return
        if period.scope is None or self._count >= self._most:
            self._count -= len(scopes)
            self._scopes[place] = None
        else:
            self._count -= len(scopes)
            scopes.add(tuple(period.scope.items()))
            self._count += len(scopes)

    def take(self) -> list[ClosedPeriod]:
        """All of them; none is left."""
        taken, self._scopes, self._count = self._scopes, {}, 0
        return [
            ClosedPeriod(window=window, end_ms=end, scope=None if scope is None else dict(scope))
            for (window, end), scopes in sorted(taken.items())
            for scope in ([None] if scopes is None else sorted(scopes))
        ]


class Doubt:
    """What has landed, until it is sure that its writer still had the right to write it."""

    def __init__(self, most: int = MOST_LINES) -> None:
        self._most = most
        self._lines: deque[tuple[int, Sequence[str]]] = deque()
        self._held = 0
        self._older, self._older_until = Periods(), 0
        #: how many landings there were
        self.landed = 0

    def land(self, lines: Sequence[str]) -> None:
        """These lines are written."""
        self.landed += 1
        self._lines.append((self.landed, lines))
        self._held += len(lines)
        while self._held > self._most:
            self._older_until, oldest = self._lines.popleft()
            self._held -= len(oldest)
            self._older.add(oldest)

    def sure(self, landed: int) -> None:
        """The first so many landings were in time."""
        if landed >= self._older_until:
            self._older.take()
        while self._lines and self._lines[0][0] <= landed:
            self._held -= len(self._lines.popleft()[1])

    def give(self, periods: Periods) -> None:
        """Add what is in doubt to these periods; nothing is left."""
        for period in self._older.take():
            periods.put(period)
        for _, lines in self._lines:
            periods.add(lines)
        self._lines.clear()
        self._held = 0


class Overtaken:
    """Keeps what is in doubt, and says what is due by `write_again`, in parts of bounded size."""

    def __init__(self, write_again: WriteAgain) -> None:
        self._write_again = write_again
        self._doubt = Doubt()
        self._due = Periods()
        self._is_due = asyncio.Event()
        self._telling = asyncio.Lock()

    @property
    def landed(self) -> int:
        """How many landings there were."""
        return self._doubt.landed

    def land(self, lines: Sequence[str], *, former: bool) -> None:
        """These lines are written; `former`: under an ownership that has ended."""
        if former:
            self._due.add(lines)
            self._mark()
        else:
            self._doubt.land(lines)

    def sure(self, landed: int) -> None:
        """The first so many landings were in time."""
        self._doubt.sure(landed)

    def hand_over(self) -> None:
        """Ownership has ended: what is in doubt is due."""
        self._doubt.give(self._due)
        self._mark()

    def _mark(self) -> None:
        if self._due:
            self._is_due.set()

    async def wait(self) -> None:
        """Until something is due."""
        await self._is_due.wait()

    async def tell(self) -> None:
        """Say what is due; what cannot be said now stays due, and is raised."""
        async with self._telling:
            while periods := self._due.take():
                try:
                    await self._write_again(periods[:_TOGETHER])
                except BaseException:
                    self._put_back(periods)
                    raise
                self._put_back(periods[_TOGETHER:])
            self._is_due.clear()

    def _put_back(self, periods: Iterable[ClosedPeriod]) -> None:
        for period in periods:
            self._due.put(period)
