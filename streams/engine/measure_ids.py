"""Which event ids have been seen, within a horizon of record time and a limit of entries.

A duplicate is an id that was first seen at a lower offset of the same source partition. The index is a
function of the log up to the last offset put in: time is the highest record timestamp so far, buckets fill
and close by time and size alone, and the oldest go first. Ids are kept as unsalted 64-bit hashes: of ten
million ids, two differ and share one with a probability of 3 in a million.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.period import HOUR_MS, MINUTE_MS
from streams.engine.measure_marks import Flags, Marks, MarkTable, marks_of

Offsets = npt.NDArray[np.int64]

#: entries of one bucket at most: its row stays well under a broker's limit for one record
FULL = 32_768
#: no bucket ends later, whatever the timestamp of a record
_END_OF_TIME = 2**63 - 1
#: a horizon is cut into so many buckets, none longer than an hour
_BUCKETS = 24


class Segment(NamedTuple):
    """Entries of one bucket, in the order of their offsets; a bucket is known by its first offset."""

    bucket: int
    end_ms: int
    marks: Marks
    offsets: Offsets


@dataclass(slots=True)
class _Bucket:
    """Ids first seen while time was before `end_ms`; `ticket` is its number in the table of marks."""

    end_ms: int
    ticket: int
    size: int = 0
    #: the entries in pieces; let go when the bucket is closed and stored as one segment
    marks: list[Marks] = field(default_factory=list)
    offsets: list[Offsets] = field(default_factory=list)
    #: the offset of its first entry, by which it is stored
    first: int = -1
    #: entries already handed out for storing, and the first offsets of their segments
    stored: int = 0
    segments: list[int] = field(default_factory=list)

    def add(self, marks: Marks, offsets: Offsets) -> None:
        """Put in more entries."""
        self.marks.append(marks)
        self.offsets.append(offsets)
        self.size += len(marks)

    def segment(self, begin: int) -> Segment:
        """The entries from `begin` on, from now on stored."""
        marks, offsets = np.concatenate(self.marks), np.concatenate(self.offsets)
        self.marks, self.offsets, self.stored = [marks], [offsets], self.size
        if begin == 0:
            self.first = int(offsets[0])
        self.segments.append(int(offsets[begin]))
        return Segment(self.first, self.end_ms, marks[begin:], offsets[begin:])

    def let_entries_go(self) -> None:
        """Keep them in the table of marks only."""
        self.marks, self.offsets = [], []


class Changes(NamedTuple):
    """What is to be stored, and which (bucket, first offset) segments are then no longer needed."""

    segments: list[Segment]
    obsolete: list[tuple[int, int]]


class SeenIds:
    """The dedupe index of one source partition. `entries` 0: nothing is remembered, nothing a duplicate.

    >>> seen = SeenIds(horizon_ms=3_600_000, entries=1000)
    >>> seen.admit(["a", "b", "a"], [0, 1, 2], [0, 0, 0])
    [True, True, False]
    """

    def __init__(self, horizon_ms: int, entries: int) -> None:
        self._horizon_ms = horizon_ms
        self._entries = entries
        self._full = max(1, min(FULL, entries // _BUCKETS))
        self._width_ms = max(MINUTE_MS, min(HOUR_MS, horizon_ms // _BUCKETS))
        self._table = MarkTable()
        self._closed: deque[_Bucket] = deque()
        self._open = self._begin(0)
        self._obsolete: list[tuple[int, int]] = []
        #: time reaches the end of the open bucket here
        self.turn_ms = 0
        #: ids let go before their horizon
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._table)

    @property
    def bytes(self) -> int:
        """Memory of the index, but for the entries of the open bucket (16 bytes each)."""
        return self._table.bytes

    def _begin(self, end_ms: int) -> _Bucket:
        return _Bucket(end_ms, self._table.open())

    def admit(self, ids: Sequence[str], offsets: Sequence[int], arrived_ms: Sequence[int]) -> list[bool]:
        """Which of these ids, in the order of their offsets, are new; those are remembered.

        How a log is cut into calls changes nothing.
        """
        if not self._entries:
            return [True] * len(ids)
        marks, times = marks_of(ids), np.array(arrived_ms, dtype=np.int64)
        new, places = np.zeros(len(ids), dtype=np.bool_), np.array(offsets, dtype=np.int64)
        begin = 0
        while begin < len(ids):
            now_ms = int(times[begin])
            if now_ms >= self.turn_ms:
                self._turn(min(now_ms - now_ms % self._width_ms + self._width_ms, _END_OF_TIME))
            later = np.flatnonzero(times[begin + 1 :] >= self.turn_ms)
            part = slice(begin, begin + 1 + int(later[0]) if len(later) else len(ids))
            begin += self._admit(marks[part], places[part], new[part])
        return new.tolist()

    def _admit(self, marks: Marks, offsets: Offsets, new: Flags) -> int:
        """Of one time: until all are admitted or one finds the bucket full; gives how many were looked at."""
        found, ends = self._table.search(marks)
        fresh = np.flatnonzero(~found)
        if len(fresh) > 1:
            fresh = _each_once(marks, fresh)
        looked, room = len(marks), max(0, self._full - self._open.size)
        if len(fresh) > room:
            looked, fresh = int(fresh[room]), fresh[:room]
        if len(fresh):
            self._table.add(marks[fresh], ends[fresh], self._open.ticket)
            self._open.add(marks[fresh], offsets[fresh])
            new[fresh] = True
        if looked < len(marks):
            self._turn(self.turn_ms)
        return looked

    def _turn(self, turn_ms: int) -> None:
        """Close the open bucket, begin the next one, and let go what is too old or too many."""
        if self._open.size:
            self._closed.append(self._open)
        self._open = self._begin(turn_ms)
        self.turn_ms = turn_ms
        begin_ms = turn_ms - self._width_ms
        while self._closed and self._closed[0].end_ms + self._horizon_ms <= begin_ms:
            self._drop()
        while self._closed and len(self._table) > self._entries:
            self.forgotten += self._closed[0].size
            self._drop()

    def _drop(self) -> None:
        bucket = self._closed.popleft()
        self._table.let_go(bucket.ticket, bucket.size)
        self._obsolete += [(bucket.first, first) for first in bucket.segments]

    def changes(self) -> Changes:
        """What has to be stored since the last call: new entries, and closed buckets as one segment each."""
        segments = []
        for bucket in (*self._closed, self._open):
            unstored = bucket.stored < bucket.size
            if bucket is not self._open and bucket.segments and (unstored or len(bucket.segments) > 1):
                self._obsolete += [
                    (bucket.first, first) for first in bucket.segments if first != bucket.first
                ]
                bucket.segments.clear()
                segments.append(bucket.segment(0))
            elif unstored:
                segments.append(bucket.segment(bucket.stored))
            if bucket is not self._open:
                bucket.let_entries_go()
        obsolete, self._obsolete = self._obsolete, []
        return Changes(segments, obsolete)

    def restore(self, segments: Iterable[Segment], stamp: int, turn_ms: int, forgotten: int) -> None:
        """Take over the entries up to `stamp` as they were when time stood before `turn_ms`.

        Segments of one bucket may overlap, where several owners stored it. A bucket that was let go before,
        but whose rows are still there, is let go again by the same rules.
        """
        buckets = [bucket for bucket in _buckets(segments, stamp) if bucket.size]
        self.turn_ms, self.forgotten = turn_ms, forgotten
        self._open = buckets.pop() if buckets and buckets[-1].end_ms == turn_ms else _Bucket(turn_ms, 0)
        room, too_old = self._entries, turn_ms - self._width_ms - self._horizon_ms
        for bucket in reversed(buckets):
            room -= bucket.size
            if room < 0 or bucket.end_ms <= too_old:
                room = -1
                self._obsolete += [(bucket.first, first) for first in bucket.segments]
            else:
                self._closed.appendleft(bucket)
        for bucket in (*self._closed, self._open):
            self._fill(bucket)

    def _fill(self, bucket: _Bucket) -> None:
        """Put a bucket that was read back into the table of marks."""
        bucket.ticket = self._table.open()
        for marks in bucket.marks:
            for begin in range(0, len(marks), FULL):
                part = marks[begin : begin + FULL]
                self._table.add(part, self._table.search(part).ends, bucket.ticket)


def _each_once(marks: Marks, places: Offsets) -> Offsets:
    """The places of marks, without those whose mark stands at a lower place already."""
    here = np.sort(marks[places])
    if not (here[1:] == here[:-1]).any():
        return places
    firsts = np.unique(marks[places], return_index=True)[1]
    return places[np.sort(firsts)]


def _buckets(segments: Iterable[Segment], stamp: int) -> list[_Bucket]:
    """The stored buckets in order, without what lies beyond the stamp."""
    by_bucket: dict[int, list[Segment]] = {}
    for segment in segments:
        by_bucket.setdefault(segment.bucket, []).append(segment)
    return [_bucket(first, by_bucket[first], stamp) for first in sorted(by_bucket)]


def _bucket(first: int, segments: list[Segment], stamp: int) -> _Bucket:
    """One bucket of its segments, which may overlap."""
    marks = np.concatenate([segment.marks for segment in segments])
    offsets, once = np.unique(np.concatenate([segment.offsets for segment in segments]), return_index=True)
    count = int(np.searchsorted(offsets, stamp, side="right"))
    stored = sorted({int(segment.offsets[0]) for segment in segments})
    bucket = _Bucket(segments[0].end_ms, 0, first=first, segments=stored)
    if count:
        bucket.add(marks[once[:count]], offsets[:count])
    bucket.stored = bucket.size
    return bucket
