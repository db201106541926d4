"""What an audit found: how much was compared, what could not be and why, and every difference."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest
from typing import NamedTuple

from schemas.records import Counts, Ledger
from streams.cells.layout import Cell, Layout, Leaf
from streams.cells.page import PageKey
from streams.engine.recount.written import Source

#: differences kept at most; the rest is counted
MOST = 100_000


class Uncompared(Enum):
    """Why a page was not compared."""

    OTHER_LAYOUT = "other layout: it was written under another catalogue"
    OTHER_CATALOGUE = "another catalogue may have been in force"
    LOG_DELETED = "its first event is no longer in the log"
    NOT_KNOWN = "no ledger is left from which on everything is known"
    PANE_BEGUN = "its pane began before everything was known"
    DOUBTFUL = "an event in its pane may or may not be a repetition"


class Difference(NamedTuple):
    """One number that is not what the log says; `written` or `recounted` is None where there is nothing.

    `page` is None for what a ledger says; `what` is then its count, else the measure.
    """

    source: Source
    page: PageKey | None
    leaf: Leaf
    what: str
    written: int | None
    recounted: int | None


@dataclass(slots=True)
class Findings:
    """The result of an audit, filled source partition by source partition."""

    sources: int = 0
    records: int = 0
    pages: int = 0
    cells: int = 0
    ledgers: int = 0
    uncompared: Counter[Uncompared] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    more: int = 0

    @property
    def are_equal(self) -> bool:
        """Whether nothing that was compared differs."""
        return not self.differences

    def differ(self, difference: Difference) -> None:
        """Take a difference."""
        if len(self.differences) < MOST:
            self.differences.append(difference)
        else:
            self.more += 1


def cell_differences(
    layout: Layout, written: dict[Leaf, Cell], recounted: dict[Leaf, Cell]
) -> Iterator[tuple[Leaf, str, int | None, int | None]]:
    """Leaf, measure, written and recounted value wherever two pages differ; a leaf that only one has, too."""
    for leaf in sorted({*written, *recounted}):
        theirs, ours = written.get(leaf), recounted.get(leaf)
        if theirs is None or ours is None:
            yield leaf, "leaf", None if theirs is None else 1, None if ours is None else 1
        columns = zip_longest(layout.keys, theirs or layout.empty, ours or layout.empty, fillvalue=None)
        for key, there, here in columns:
            if there != here:
                yield leaf, key or "", there, here


def ledger_differences(
    theirs: Ledger, ours: Counts, watermark_ms: int | None, other: int, doubtful: int
) -> Iterator[tuple[str, int | None, int | None]]:
    """Name, written and recounted number wherever a ledger differs.

    Each of the `doubtful` events may be counted, duplicate, late, expired or under `other`; none is recounted
    as anything but received.
    """
    for name in ("received", "refused"):
        if getattr(theirs.counts, name) != getattr(ours, name):
            yield name, getattr(theirs.counts, name), getattr(ours, name)
    numbers = [(name, getattr(theirs.counts, name), getattr(ours, name)) for name in _LOOSE]
    for name, there, here in [*numbers, ("other", theirs.other, other)]:
        if not here <= there <= here + doubtful:
            yield name, there, here
    if theirs.watermark_ms != watermark_ms and not doubtful:
        yield "watermark_ms", theirs.watermark_ms, watermark_ms


_LOOSE = ("counted", "duplicate", "late", "expired")
