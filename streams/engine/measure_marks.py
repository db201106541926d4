"""A set of 64-bit marks in two flat arrays: about 17 bytes a mark, asked and filled by the batch.

A mark belongs to a bucket, and a whole bucket is let go at once: its marks are dead from then on and their
places may be taken. The table is cut into regions, so that nothing but growing ever moves more than a few
thousand marks. In a region a mark is looked for at a place of its own, then in steps of its own, until a
place that was never taken. Where that is depends on a factor that no sender knows; the answers do not. Knows
nothing of time, offsets or what a mark stands for.
"""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

Marks = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: places of a region, as a power of two
_BITS = 12
_ROOM = 1 << _BITS
_WITHIN = np.uint64(_ROOM - 1)
#: with more places ever taken, the dead of a region are cleared away
_FULL = _ROOM * 85 // 100
#: with a larger share of living marks the table grows
_DENSE = 0.62
#: tickets of buckets; 0 is that of a place which was never taken
_TICKETS = 1 << 16
#: buckets opened until every region has been cleared of its dead: long before a ticket comes again
_SWEEP = _TICKETS // 16


def marks_of(texts: Sequence[str]) -> Marks:
    """The marks of texts: the same in every process."""
    return np.fromiter(map(xxh3_64_intdigest, texts), dtype=np.uint64, count=len(texts))


class Search(NamedTuple):
    """Which marks are in a living bucket, and the place at which the search for each ended."""

    found: Flags
    ends: Places


def _next(here: Places, step: Places) -> Places:
    """One step on, within the region."""
    return (here & ~np.int64(_ROOM - 1)) | ((here + step) & (_ROOM - 1))


class MarkTable:
    """The marks of the buckets that live. `factor` (odd) scatters them; drawn unless given.

    >>> table, marks = MarkTable(), marks_of(["a", "b"])
    >>> ticket = table.open()
    >>> table.add(marks, table.search(marks).ends, ticket)
    >>> table.search(marks_of(["a", "c"])).found.tolist()
    [True, False]
    >>> table.let_go(ticket, 2)
    >>> table.search(marks).found.tolist()
    [False, False]
    """

    def __init__(self, factor: int | None = None) -> None:
        self._factor = np.uint64(secrets.randbits(64) | 1 if factor is None else factor)
        self._live = 0
        self._last = 0
        self._swept = 0
        self._alive = np.zeros(_TICKETS, dtype=np.bool_)
        self._lay_out(0)

    def __len__(self) -> int:
        return self._live

    @property
    def bytes(self) -> int:
        """Memory of the arrays."""
        return self._marks.nbytes + self._tickets.nbytes + self._taken.nbytes + self._alive.nbytes

    def _lay_out(self, doublings: int) -> None:
        self._doublings, self._regions = doublings, 1 << doublings
        self._marks: Marks = np.zeros(self._regions * _ROOM, dtype=np.uint64)
        self._tickets = np.zeros(self._regions * _ROOM, dtype=np.uint16)
        #: places of each region that were ever taken
        self._taken = np.zeros(self._regions, dtype=np.int64)

    def open(self) -> int:
        """The ticket of a new bucket; a few regions are cleared of their dead on the way."""
        self._last = self._last % (_TICKETS - 1) + 1
        self._alive[self._last] = True
        for _ in range(-(-self._regions // _SWEEP)):
            self._swept = (self._swept + 1) % self._regions
            self._clear(self._swept)
        return self._last

    def let_go(self, ticket: int, count: int) -> None:
        """Forget a bucket and the marks that it has: so many."""
        self._alive[ticket] = False
        self._live -= count

    def search(self, marks: Marks) -> Search:
        """Look for marks, and have room for those that are not there."""
        marks = marks * self._factor
        search = self._look(marks)
        return self._look(marks) if self._make_room(np.unique(marks[~search.found])) else search

    def _look(self, marks: Marks) -> Search:
        found = np.zeros(len(marks), dtype=np.bool_)
        ends = np.empty(len(marks), dtype=np.int64)
        at, here, step = np.arange(len(marks)), *self._path(marks)
        while len(at):
            tickets = self._tickets[here]
            same = (self._marks[here] == marks[at]) & self._alive[tickets]
            found[at[same]] = True
            ends[at] = here
            on = np.flatnonzero((tickets != 0) & ~same)
            at, step = at[on], step[on]
            here = _next(here[on], step)
        return Search(found, ends)

    def add(self, marks: Marks, ends: Places, ticket: int) -> None:
        """Put marks that were just searched in vain into a bucket, from where their searches ended."""
        marks = marks * self._factor
        self._taken += self._by_region(marks)
        self._put(marks, ends, np.full(len(marks), ticket, dtype=np.uint16))
        self._live += len(marks)

    def _make_room(self, marks: Marks) -> bool:
        """For distinct marks: let every region keep a place that was never taken, where a search ends.

        True: marks have moved.
        """
        moved = False
        while self._live + len(marks) > _DENSE * len(self._marks):
            self._grow()
            moved = True
        while True:
            coming = self._by_region(marks)
            for region in np.flatnonzero(self._taken + coming > _FULL).tolist():
                self._clear(region)
                moved = True
            if int((self._taken + coming).max()) < _ROOM:
                return moved
            self._grow()

    def _by_region(self, marks: Marks) -> Places:
        """How many of these marks belong to each region."""
        return np.bincount(self._path(marks)[0] >> _BITS, minlength=self._regions)

    def _path(self, marks: Marks) -> tuple[Places, Places]:
        """The first place of each mark, and the (odd) steps in which it goes on within its region."""
        bits = self._doublings + _BITS
        here = (marks >> np.uint64(64 - bits)).astype(np.int64)
        step = ((marks >> np.uint64(64 - bits - _BITS)) & _WITHIN).astype(np.int64) | 1
        return here, step

    def _enter(self, marks: Marks, tickets: npt.NDArray[np.uint16]) -> None:
        """Put marks into a region that has none."""
        self._taken += self._by_region(marks)
        self._put(marks, self._path(marks)[0], tickets)

    def _put(self, marks: Marks, here: Places, tickets: npt.NDArray[np.uint16]) -> None:
        """Each mark to the next place that was never taken; of several that want it one gets it."""
        at, step = np.arange(len(marks)), self._path(marks)[1]
        while len(at):
            free = self._tickets[here] == 0
            wanted = here[free]
            self._marks[wanted] = marks[at[free]]
            self._tickets[wanted] = tickets[at[free]]
            lost = np.flatnonzero(~free | (self._marks[here] != marks[at]))
            at, step = at[lost], step[lost]
            here = _next(here[lost], step)

    def _clear(self, region: int) -> None:
        """Take a region's dead away."""
        part = slice(region * _ROOM, (region + 1) * _ROOM)
        living = self._alive[self._tickets[part]]
        marks, tickets = self._marks[part][living], self._tickets[part][living]
        self._tickets[part], self._taken[region] = 0, 0
        self._enter(marks, tickets)

    def _grow(self) -> None:
        """Twice as many regions: each is parted in two."""
        marks, tickets, regions = self._marks, self._tickets, self._regions
        self._lay_out(self._doublings + 1)
        for region in range(regions):
            part = slice(region * _ROOM, (region + 1) * _ROOM)
            living = self._alive[tickets[part]]
            self._enter(marks[part][living], tickets[part][living])
