"""The audit of one source partition: its log recounted, and held against what was written of it.

Where log and cells topic still begin at their beginnings and the catalogue never changed, everything is
recounted from nothing. Else the recount learns (ids only) until it comes to a ledger from which on it knows
everything: no other catalogue may have counted since, and, where the log's beginning is deleted, a whole
`dedupe_horizon` of record time (or all of `dedupe_entries`) lies behind. It goes on from that ledger's
numbers, and compares the pages whose panes begin after it. Whether an event repeats one from before may be
doubtful: then so is, until an event is further for certain, the watermark and every pane that depends on it.
It believes that a catalogue was in force for measure as soon as evaluate put it into the cells topic, and
which dimension values the doubtful events brought.

A page is compared as of its stamp, or as of the newest ledger where that is higher: a ledger is written when
every page up to its stamp is. In memory are the panes that may still grow, the ids that are remembered
(`ids.py`), and of each written page its name and stamp.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from schemas.catalogue import Catalogue
from schemas.events import kinds_of
from schemas.records import Ledger
from streams.cells.layout import layout_of
from streams.cells.page import ROOM, PageKey, decode_page
from streams.engine.recount.findings import (
    Difference,
    Findings,
    Uncompared,
    cell_differences,
    ledger_differences,
)
from streams.engine.recount.measures import KindMeasures
from streams.engine.recount.pages import RecountedPage, RecountedPages
from streams.engine.recount.source import Admitted, Limits, LogRecord, Outcome, Pane, Recount
from streams.engine.recount.written import Shelf, Source, WrittenPage, WrittenSource
from streams.windows.spans import grain_of

_PLACED = (Outcome.COUNTED, Outcome.LATE)


class Subject(NamedTuple):
    """What is audited: a source partition, what was written of it, and what is left of its log.

    `begin` is the log's first offset, `whole` whether the cells topic still begins at its beginning; `values`
    are those that the partition admitted.
    """

    source: Source
    written: WrittenSource
    begin: int
    whole: bool
    values: Sequence[Admitted] = ()


class SourceAudit:
    """Feed it the records of the log up to `subject.written.stamp`, then `finish`."""

    def __init__(
        self,
        subject: Subject,
        catalogue: Catalogue,
        shelf: Shelf,
        findings: Findings,
        *,
        limits: Limits | None = None,
        room: int = ROOM,
    ) -> None:
        topic, written = subject.source[0], subject.written
        self._subject, self._written = subject, written
        self._shelf, self._findings = shelf, findings
        self._layout = layout_of(catalogue)
        self._is_exact = subject.whole and written.floor < 0 and _began_here(subject)
        self._recount = Recount(topic, catalogue, limits or Limits(), learning=not self._is_exact)
        measures = {kind.kind: KindMeasures(self._layout, kind) for kind in kinds_of(topic)}
        self._pages = RecountedPages(subject.source, self._layout, measures, self._up_to, room)
        self._until = written.stamp
        self._last = -1
        self._left = dict(written.pages)
        self._marks = deque(one for one in written.marks() if one.stamp >= subject.begin - 1)
        self._base: int | None = -1 if self._is_exact else None
        self._begun: set[Pane] = set()
        self._doubtful: set[Pane] = set()

    def _up_to(self, key: PageKey) -> int:
        page, newest = self._written.pages.get(key), self._written.newest
        return max(page.stamp if page else -1, newest.stamp if newest else -1)

    def take(self, records: Sequence[LogRecord]) -> None:
        """Recount the next records of the log; those that nothing has counted yet are left out."""
        wanted = [record for record in records if record.offset <= self._until]
        for record, event in self._recount.read(wanted):
            self._pass(record.offset)
            verdict = self._recount.step(record, event)
            if self._base is None:
                continue
            if verdict.outcome in _PLACED and event is not None:
                self._pages.add(record, event, verdict)
            self._doubtful.update(verdict.maybe)
        if wanted:
            self._last = wanted[-1].offset
        self._findings.records += len(wanted)
        for key, page in self._pages.final(self._recount.watermark_ms or 0):
            self._compare(key, page)

    def _pass(self, offset: int) -> None:
        """Come to an offset: compare the ledgers before it, or begin at one of them."""
        while self._marks and self._marks[0].stamp < offset:
            ledger = self._marks.popleft()
            if self._base is not None:
                self._hold_against(ledger)
            elif ledger.stamp >= self._written.floor and self._knows_all():
                self._begin(ledger)

    def _knows_all(self) -> bool:
        return self._subject.begin == 0 or self._recount.ids.is_complete

    def _begin(self, ledger: Ledger) -> None:
        """From this ledger on everything is known; panes that hold anything from before are not compared."""
        self._base = ledger.stamp
        self._recount.resume(ledger, self._subject.values)
        pages = self._written.pages
        for key, page in pages.items():
            before = key._replace(number=key.number - 1)
            if page.first <= ledger.stamp or (key.number and before not in pages):
                self._begun.add(_pane(key))

    def _hold_against(self, ledger: Ledger) -> None:
        self._findings.ledgers += 1
        recount = self._recount
        doubtful = recount.seen[Outcome.DOUBTFUL]
        found = ledger_differences(ledger, recount.counts, recount.watermark_ms, recount.other, doubtful)
        for what, written, recounted in found:
            self._differ(None, (), what, written, recounted)

    def finish(self) -> Findings:
        """The log was read to its end: compare what is left."""
        self._pass(self._last + 1)
        if self._last < self._until and self._until >= self._subject.begin:
            self._differ(None, (), "last offset of the log", self._until, self._last)
        for key, page in self._pages.final(None):
            self._compare(key, page)
        for key, written in self._left.items():
            reason = self._why_not(key, written)
            if reason is None:
                self._findings.pages += 1
                self._differ(key, (), "page", 1, None)
            else:
                self._findings.uncompared[reason] += 1
        if self._written.foreign:
            self._findings.uncompared[Uncompared.OTHER_LAYOUT] += len(self._written.foreign)
        for ledger in self._written.unequal:
            counts = ledger.counts
            parts = counts.counted + counts.duplicate + counts.expired + counts.refused
            self._differ(None, (), "received at its own parts", counts.received, parts)
        self._findings.sources += 1
        return self._findings

    def _compare(self, key: PageKey, page: RecountedPage) -> None:
        """Hold a recounted page that cannot change any more against the written one."""
        written = self._left.get(key)
        if self._why_not(key, written) is not None or (written is None and not page.cells):
            return
        self._findings.pages += 1
        if written is None:
            self._differ(key, (), "page", None, 1)
            return
        del self._left[key]
        cells = decode_page(self._shelf.get(key)).cells
        self._findings.cells += len(cells)
        if written.first != page.first:
            self._differ(key, (), "first offset", written.first, page.first)
        for leaf, what, there, here in cell_differences(self._layout, cells, page.cells):
            self._differ(key, leaf, what, there, here)

    def _why_not(self, key: PageKey, written: WrittenPage | None) -> Uncompared | None:
        """Why a page cannot be compared; None when it can."""
        pane = _pane(key)
        if written is not None and (self._base is None or written.first <= self._base):
            if written.first < self._subject.begin:
                return Uncompared.LOG_DELETED
            is_foreign = written.first <= self._written.floor
            return Uncompared.OTHER_CATALOGUE if is_foreign else Uncompared.NOT_KNOWN
        if pane in self._begun:
            return Uncompared.PANE_BEGUN
        return Uncompared.DOUBTFUL if pane in self._doubtful else None

    def _differ(
        self, key: PageKey | None, leaf: tuple[str, ...], what: str, written: int | None, ours: int | None
    ) -> None:
        self._findings.differ(Difference(self._subject.source, key, leaf, what, written, ours))


def _began_here(subject: Subject) -> bool:
    """Whether the first record of the log is the first that was ever counted."""
    newest = subject.written.newest
    return subject.begin == 0 or (
        newest is not None and newest.counts.received == newest.stamp + 1 - subject.begin
    )


def _pane(key: PageKey) -> Pane:
    return Pane(grain_of(key.grain), key.start_ms, key.known_ms)
