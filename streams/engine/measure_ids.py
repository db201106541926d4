"""Which event ids have been seen, within a horizon of record time and a limit of entries.

A duplicate is an id that was first seen at a lower offset of the same source partition. The index is a
function of the log up to the last offset put in: time is the highest record timestamp so far, buckets fill
and close by time and size alone, and the oldest go first. Ids are kept as unsalted 64-bit hashes: of ten
million ids, two differ and share one with a probability of 3 in a million.
"""

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from schemas.period import HOUR_MS, MINUTE_MS

#: entries of one bucket at most: its row stays well under a broker's limit for one record
FULL = 32_768
_HASH_BYTES = 8
#: a horizon is cut into so many buckets, none longer than an hour
_BUCKETS = 24


class Segment(NamedTuple):
    """Entries of one bucket, in the order of their offsets; a bucket is known by its first offset."""

    bucket: int
    end_ms: int
    hashes: list[bytes]
    offsets: "array[int]"


@dataclass(slots=True)
class _Bucket:
    """Ids first seen while time was before `end_ms`."""

    end_ms: int
    hashes: list[bytes] = field(default_factory=list)
    offsets: "array[int]" = field(default_factory=lambda: array("q"))
    #: the offset of its first entry, by which it is stored
    first: int = -1
    #: entries already handed out for storing, and the first offsets of their segments
    stored: int = 0
    segments: list[int] = field(default_factory=list)


class Changes(NamedTuple):
    """What is to be stored, and which (bucket, first offset) segments are then no longer needed."""

    segments: list[Segment]
    obsolete: list[tuple[int, int]]


class SeenIds:
    """The dedupe index of one source partition. `entries` 0: nothing is remembered, nothing a duplicate.

    >>> seen = SeenIds(horizon_ms=3_600_000, entries=1000)
    >>> [seen.admit(name, offset, 0) for offset, name in enumerate("aba")]
    [True, True, False]
    """

    def __init__(self, horizon_ms: int, entries: int) -> None:
        self._horizon_ms = horizon_ms
        self._entries = entries
        self._full = max(1, min(FULL, entries // _BUCKETS))
        self._width_ms = max(MINUTE_MS, min(HOUR_MS, horizon_ms // _BUCKETS))
        # One set a first byte: a set that grows moves all its entries, and none may take long.
        self._seen: list[set[bytes]] = [set() for _ in range(256)]
        self._size = 0
        self._closed: deque[_Bucket] = deque()
        self._open = _Bucket(0)
        self._obsolete: list[tuple[int, int]] = []
        #: time reaches the end of the open bucket here
        self.turn_ms = 0
        #: ids let go before their horizon
        self.forgotten = 0

    def __len__(self) -> int:
        return self._size

    def admit(self, event_id: str, offset: int, arrived_ms: int) -> bool:
        """Whether the id is new; it is remembered if so."""
        if arrived_ms >= self.turn_ms:
            self._turn(arrived_ms - arrived_ms % self._width_ms + self._width_ms)
        mark = blake2b(event_id.encode(), digest_size=_HASH_BYTES).digest()
        seen = self._seen[mark[0]]
        if mark in seen:
            return False
        bucket = self._open
        if len(bucket.hashes) >= self._full:
            self._turn(self.turn_ms)
            bucket = self._open
        if self._entries:
            seen.add(mark)
            self._size += 1
            bucket.hashes.append(mark)
            bucket.offsets.append(offset)
        return True

    def _turn(self, turn_ms: int) -> None:
        """Close the open bucket, begin the next one, and let go what is too old or too many."""
        if self._open.hashes:
            self._closed.append(self._open)
        self._open = _Bucket(turn_ms)
        self.turn_ms = turn_ms
        begin_ms = turn_ms - self._width_ms
        while self._closed and self._closed[0].end_ms + self._horizon_ms <= begin_ms:
            self._drop()
        while self._closed and self._size > self._entries:
            self.forgotten += len(self._closed[0].hashes)
            self._drop()

    def _drop(self) -> None:
        bucket = self._closed.popleft()
        self._size -= len(bucket.hashes)
        for mark in bucket.hashes:
            self._seen[mark[0]].discard(mark)
        self._obsolete += [(bucket.first, first) for first in bucket.segments]

    def changes(self) -> Changes:
        """What has to be stored since the last call: new entries, and closed buckets as one segment each."""
        segments = []
        for bucket in (*self._closed, self._open):
            unstored = bucket.stored < len(bucket.hashes)
            if bucket is not self._open and bucket.segments and (unstored or len(bucket.segments) > 1):
                self._obsolete += [
                    (bucket.first, first) for first in bucket.segments if first != bucket.first
                ]
                bucket.segments.clear()
                segments.append(_segment(bucket, 0))
            elif unstored:
                segments.append(_segment(bucket, bucket.stored))
        obsolete, self._obsolete = self._obsolete, []
        return Changes(segments, obsolete)

    def restore(self, segments: Iterable[Segment], stamp: int, turn_ms: int, forgotten: int) -> None:
        """Take over the entries up to `stamp` as they were when time stood before `turn_ms`.

        Segments of one bucket may overlap, where several owners stored it. A bucket that was let go before,
        but whose rows are still there, is let go again by the same rules.
        """
        buckets = [bucket for bucket in _buckets(segments, stamp) if bucket.hashes]
        self.turn_ms, self.forgotten = turn_ms, forgotten
        self._open = buckets.pop() if buckets and buckets[-1].end_ms == turn_ms else _Bucket(turn_ms)
        room, too_old = self._entries, turn_ms - self._width_ms - self._horizon_ms
        for bucket in reversed(buckets):
            room -= len(bucket.hashes)
            if room < 0 or bucket.end_ms <= too_old:
                room = -1
                self._obsolete += [(bucket.first, first) for first in bucket.segments]
            else:
                self._closed.appendleft(bucket)
        for bucket in (*self._closed, self._open):
            self._size += len(bucket.hashes)
            for mark in bucket.hashes:
                self._seen[mark[0]].add(mark)


def _segment(bucket: _Bucket, begin: int) -> Segment:
    """The entries from `begin` on, from now on stored."""
    offsets = bucket.offsets[begin:]
    bucket.stored = len(bucket.hashes)
    if begin == 0:
        bucket.first = offsets[0]
    bucket.segments.append(offsets[0])
    return Segment(bucket.first, bucket.end_ms, bucket.hashes[begin:], offsets)


def _buckets(segments: Iterable[Segment], stamp: int) -> list[_Bucket]:
    """The stored buckets in order, without what lies beyond the stamp."""
    by_bucket: dict[int, list[Segment]] = {}
    for segment in segments:
        by_bucket.setdefault(segment.bucket, []).append(segment)
    return [_bucket(first, by_bucket[first], stamp) for first in sorted(by_bucket)]


def _bucket(first: int, segments: list[Segment], stamp: int) -> _Bucket:
    """One bucket of its segments, which may overlap; a single one is taken as it is."""
    hashes, offsets = segments[0].hashes, segments[0].offsets
    if len(segments) > 1 or offsets[-1] > stamp:
        entries: dict[int, bytes] = {}
        for segment in segments:
            entries.update(zip(segment.offsets, segment.hashes, strict=True))
        offsets = array("q", sorted(offset for offset in entries if offset <= stamp))
        hashes = [entries[offset] for offset in offsets]
    stored = sorted({segment.offsets[0] for segment in segments})
    return _Bucket(segments[0].end_ms, list(hashes), offsets[:], first, len(hashes), stored)
