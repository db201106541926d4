"""Which event ids a source partition has met, as the promise words it, for a recount.

Time is the highest record timestamp so far, in steps. An id is remembered from the step in which it was
first met until that step lies a whole horizon back; beyond a limit of entries the oldest go first, together
with those that were met about the same time. Ids are kept as 96-bit hashes: no two of them ever share one.

A recount that cannot begin where everything began learns first, and what it learns is doubtful: the
installation may have met the id earlier still, or may have refused it then. A doubtful id stays so until the
installation has forgotten it for certain. Then the edge of the limit is doubtful too, because nobody knows
where exactly the installation's buckets begin, nor how many of the doubtful ids took up room. Of the ids met
while learning as many as the limit may be repetitions, which push nothing out. About 150 bytes an id; an
eighth more of them than the limit at most, and twice as many while learning.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b

from schemas.period import HOUR_MS, MINUTE_MS

#: ids are let go by the bucket, which holds this many at most, and no more than a 24th of the limit
_BUCKET = 32_768
_PARTS = 24


class Sight(Enum):
    """What meeting an id says: first, again, or nobody can know."""

    NEW = "new"
    REPEATED = "repeated"
    DOUBTFUL = "doubtful"


@dataclass(slots=True, eq=False)
class _Bucket:
    """Ids met in one step.

    `begin` is how many ids may have been new before the first, `last` how many were up to the last one.
    """

    end_ms: int
    begin: int
    last: int
    doubtful: bool
    learned: bool = False
    marks: list[bytes] = field(default_factory=list)


class KnownIds:
    """The ids met so far. `entries` 0: nothing is remembered, everything is new.

    `learning`: what is met is doubtful, until `learned` is called.

    >>> known = KnownIds(horizon_ms=3_600_000, entries=1000)
    >>> [known.meet(name, 0).value for name in "aba"]
    ['new', 'new', 'repeated']
    """

    def __init__(self, horizon_ms: int, entries: int, *, learning: bool = False) -> None:
        self._horizon_ms = horizon_ms
        self._step_ms = max(MINUTE_MS, min(HOUR_MS, horizon_ms // _PARTS))
        self._entries = entries
        self._room = max(1, min(_BUCKET, entries // _PARTS))
        #: how far off the installation's own buckets may lie
        self._slack = 2 * self._room if learning else 0
        self._learning = learning
        self._where: dict[bytes, _Bucket] = {}
        self._buckets = deque([_Bucket(0, 0, 0, learning, learning)])
        self._doubts: deque[_Bucket] = deque()
        #: ids that were new, and those that may have been
        self._met = self._most = 0
        self._end_ms = 0
        self._first_end_ms: int | None = None

    def __len__(self) -> int:
        return len(self._where)

    @property
    def is_complete(self) -> bool:
        """Whether every id that is still remembered was met here: so much has passed since the first."""
        if self._first_end_ms is None:
            return not self._entries
        passed_ms = self._end_ms - self._first_end_ms
        return passed_ms >= self._horizon_ms + self._step_ms or self._met >= self._enough(learned=True)

    def _enough(self, *, learned: bool) -> int:
        """So many ids later everything before is forgotten for certain."""
        return self._entries + self._slack + (self._entries + self._slack if learned else 0)

    def learned(self) -> None:
        """From here on what is met for the first time is not doubtful."""
        self._learning = False
        self._open(self._end_ms)

    def meet(self, event_id: str, arrived_ms: int) -> Sight:
        """What meeting it now says; it is remembered."""
        if not self._entries:
            return Sight.NEW
        if arrived_ms >= self._end_ms:
            self._turn(arrived_ms - arrived_ms % self._step_ms + self._step_ms)
        mark = blake2b(event_id.encode(), digest_size=12).digest()
        known = self._where.get(mark)
        if known is None:
            self._remember(mark)
            return Sight.NEW
        at_the_edge = self._slack and self._most - known.begin > self._entries - self._slack
        if known.doubtful or at_the_edge:
            self._doubt(mark)
            return Sight.DOUBTFUL
        return Sight.REPEATED

    def _remember(self, mark: bytes) -> None:
        if len(self._buckets[-1].marks) >= self._room:
            self._turn(self._end_ms)
        self._met += 1
        self._put(mark, self._buckets[-1])

    def _doubt(self, mark: bytes) -> None:
        """It is as if it was met for the first time again, or not: its silence begins anew."""
        if not self._doubts or self._doubts[-1].end_ms < self._end_ms:
            self._doubts.append(_Bucket(self._end_ms, self._most, self._met, doubtful=True))
        self._put(mark, self._doubts[-1])

    def _put(self, mark: bytes, bucket: _Bucket) -> None:
        self._most += 1
        self._where[mark] = bucket
        bucket.marks.append(mark)
        bucket.last = self._met

    def _open(self, end_ms: int) -> None:
        self._buckets.append(_Bucket(end_ms, self._most, self._met, self._learning, self._learning))

    def _turn(self, end_ms: int) -> None:
        """Begin the next bucket, and let go what is too old or too many."""
        if self._first_end_ms is None:
            self._first_end_ms = end_ms
        self._end_ms = end_ms
        self._open(end_ms)
        while len(self._buckets) > 1 and self._is_over(self._buckets[0]):
            self._let_go(self._buckets.popleft())
        while self._doubts and self._is_over(self._doubts[0]):
            self._let_go(self._doubts.popleft())

    def _is_over(self, bucket: _Bucket) -> bool:
        if not bucket.marks or bucket.end_ms + self._horizon_ms <= self._end_ms - self._step_ms:
            return True
        if self._slack:
            return self._met - bucket.last >= self._enough(learned=bucket.learned)
        return len(self._where) > self._entries

    def _let_go(self, bucket: _Bucket) -> None:
        for mark in bucket.marks:
            if self._where.get(mark) is bucket:
                del self._where[mark]
