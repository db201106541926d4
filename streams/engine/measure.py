"""Stage one as a fold: the events of one source partition become pages and a ledger.

`SourceFold` is a function of its partition's log (and of when its owner declared it idle): what it holds
after an offset does not depend on polls, flushes, crashes or owners. It reads no clock and does no I/O:
what is to be written comes as a `Flush`, and the order of writing (rows, then the ledger's row, then
`confirmed`) is the caller's duty. Windows, KPIs and other partitions are not known here.
"""

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Protocol, Self

from schemas.catalogue import Catalogue
from schemas.events import kinds_of
from schemas.period import MINUTE_MS
from schemas.records import Counts, Ledger
from schemas.refusal import RefusalReason
from streams.cells.fold import compile_fold, compile_leaf
from streams.cells.layout import Cell, Leaf, layout_of
from streams.engine.measure_basis import Basis, Limits
from streams.engine.measure_former import FormerPages
from streams.engine.measure_ids import SeenIds
from streams.engine.measure_panes import NEVER, LivePage, Pane, Panes, live_page
from streams.engine.measure_read import EventReader
from streams.engine.measure_refusal import Refusal, fault
from streams.engine.measure_rows import MeasureRows, Stored
from streams.engine.measure_types import Fields
from streams.engine.measure_values import DimensionValues
from streams.engine.measure_write import Flush, Writer

__all__ = ["Flush", "InputRecord", "Limits", "MeasureRows", "Refusal", "SourceFold"]


class InputRecord(Protocol):
    """A record of an input topic, as Kafka clients give it; `timestamp` in epoch milliseconds."""

    offset: int
    timestamp: int
    value: bytes | None


_LIMITS = Limits()
_Pair = tuple[Fields, InputRecord]
_NONE: Mapping[str, str | None] = {}


class SourceFold:
    """The fold of one source partition. Mutable and synchronous; only `fold` moves it on.

    `owner` is the id of this ownership: rows written under another are never overwritten.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        catalogue: Catalogue,
        owner: str,
        *,
        limits: Limits = _LIMITS,
        stored: Stored | None = None,
        basis: Basis | None = None,
    ) -> None:
        installation = catalogue.installation
        self.topic, self.partition, self.owner = topic, partition, owner
        self.stamp = -1
        self._future_ms, self._disorder_ms = installation.future_limit.ms, installation.disorder.ms
        kinds, layout = kinds_of(topic), layout_of(catalogue)
        self._reader = EventReader(kinds, catalogue, limits.value_bytes)
        self._folds = {kind.kind: compile_fold(layout, kind) for kind in kinds}
        self._leaf_of = compile_leaf(layout.dimensions)
        self._panes = Panes((topic, partition), layout, installation, limits.page_cells, limits.loose_pages)
        self._values = DimensionValues(catalogue.dimensions)
        self._ids = SeenIds(installation.dedupe_horizon.ms, limits.dedupe_entries)
        self._watermark_ms = NEVER
        self._counts = Counts()
        found = stored or Stored()
        self._former = FormerPages(found.layouts, self._values)
        self.layout = layout
        self._writer = Writer(owner, basis or Basis.of(catalogue, limits), layout, found)
        self._replayed = self._take_over(found, layout.id)
        self._written = self.ledger()
        self._is_silent = True
        #: set where this fold is to count no further: up to there a former owner had counted on this basis
        self.until: int | None = None

    @classmethod
    def restore(
        cls,
        topic: str,
        partition: int,
        catalogue: Catalogue,
        owner: str,
        rows: MeasureRows,
        *,
        limits: Limits = _LIMITS,
    ) -> Self:
        """The fold as its changelog has it, at the stamp of the last ledger; StateError when unreadable.

        Where pages are beyond the ledger that were counted on another basis, the fold is of that basis, and
        `until` says how far they have counted: there it is to be flushed, and restored again.
        """
        basis, stored = Basis.of(catalogue, limits), rows.read()
        fold = cls(topic, partition, catalogue, owner, limits=limits, stored=stored, basis=basis)
        former, highest = stored.basis, fold._replayed
        if highest <= fold.stamp or former is None or former.id == basis.id:
            return fold
        del fold  # both may be large
        then = former.read()
        fold = cls(
            topic, partition, then.catalogue, owner, limits=then.limits, stored=rows.read(), basis=then
        )
        fold.until = highest
        return fold

    def _take_over(self, stored: Stored, layout: str) -> int:
        """Continue at the stored ledger; gives the highest offset that a stored page may have counted."""
        other = 0
        if (ledger := stored.ledger) is not None:
            self.stamp, self._counts, other = ledger.stamp, ledger.counts, ledger.other
            self._watermark_ms = NEVER if ledger.watermark_ms is None else ledger.watermark_ms
            self._ids.restore(stored.segments, self.stamp, stored.turn_ms, ledger.forgotten)
        self._values.restore(stored.values, self.stamp, other)
        highest = -1
        for page in stored.pages():
            highest = max(highest, page.stamp)
            if page.key.layout == layout:
                self._panes.restore(page, self.stamp)
            else:
                self._former.add(live_page(page, self.stamp))
        return highest

    def fold(self, records: Sequence[InputRecord]) -> list[Refusal]:
        """Count the records beyond the stamp; gives those that cannot be, in offset order.

        `records` are of this partition, in offset order. How they are cut into calls changes nothing.
        """
        new = [record for record in records if record.offset > self.stamp]
        if not new:
            return []
        events, faults = self._reader.read([record.value for record in new])
        pairs = [(event, record) for event, record in zip(events, new, strict=True) if event is not None]
        refusals = [Refusal(new[at].offset, *wrong) for at, wrong in faults.items()]
        refusals += self._count(pairs, len(new) - len(pairs))
        self.stamp = new[-1].offset
        return sorted(refusals)

    def _count(self, pairs: Sequence[_Pair], unread: int) -> list[Refusal]:
        """Refuse what comes from the future, leave out what was seen before, count the rest."""
        ahead = [pair for pair in pairs if pair[0]["occurred_at"] > pair[1].timestamp + self._future_ms]
        if ahead:
            refused = {record.offset for _, record in ahead}
            pairs = [pair for pair in pairs if pair[1].offset not in refused]
        new = self._new(pairs)
        late, expired = self._add_up(new)
        refused_here = [_ahead_of_its_record(record, event["occurred_at"]) for event, record in ahead]
        unread += len(ahead)
        self._tally(len(pairs) + unread, unread, len(pairs) - len(new), late, expired)
        return refused_here

    def _new(self, pairs: Sequence[_Pair]) -> Sequence[_Pair]:
        """Without those that were seen before."""
        new = self._ids.admit(
            [event["event_id"] for event, _ in pairs],
            [record.offset for _, record in pairs],
            [record.timestamp for _, record in pairs],
        )
        return pairs if all(new) else list(compress(pairs, new))

    def _add_up(self, pairs: Sequence[_Pair]) -> tuple[int, int]:
        """The loop that every counted event goes through: one cell; gives how many were late, and expired."""
        minutes, folds, leaf_of = self._panes.on_time, self._folds, self._leaf_of
        disorder_ms, watermark_ms = self._disorder_ms, self._watermark_ms
        late = expired = 0
        for event, record in pairs:
            at, arrived, offset = event["occurred_at"], record.timestamp, record.offset
            start = at - at % MINUTE_MS
            if start + MINUTE_MS > watermark_ms:
                pane = minutes.get(start) or self._panes.open(start)
                reached = (at if at < arrived else arrived) - disorder_ms
                if reached > watermark_ms:
                    watermark_ms = reached
            elif (overdue := self._panes.late(at, watermark_ms)) is not None:
                pane = overdue
                late += 1
            else:
                expired += 1
                continue
            dimensions = event.get("dimensions", _NONE)
            leaf = leaf_of(dimensions)
            place = pane.places.get(leaf)
            if place is None or offset <= self._replayed:
                place = self._place(pane, leaf, dimensions, offset)
            cell, page = place
            if offset > page.stamp:
                folds[event["kind"]](event, cell, arrived - at if arrived > at else 0)
                page.touched = offset
            else:
                page.again = True
        self._watermark_ms = watermark_ms
        return late, expired

    def _place(
        self, pane: Pane, leaf: Leaf, dimensions: Mapping[str, str | None], offset: int
    ) -> tuple[Cell, LivePage]:
        """Where an event counts whose leaf is new in its pane, or that may have been counted before a
        crash."""
        leaf = self._values.admit(leaf, offset)
        former = self._former.page_with(pane.key, dimensions, offset)
        return ([], former) if former is not None else self._panes.place(pane, leaf, offset)

    def _tally(self, received: int, refused: int, duplicate: int, late: int, expired: int) -> None:
        before = self._counts
        self._counts = Counts(
            received=before.received + received,
            counted=before.counted + received - refused - duplicate - expired,
            duplicate=before.duplicate + duplicate,
            late=before.late + late,
            expired=before.expired + expired,
            refused=before.refused + refused,
        )

    def close_former(self) -> None:
        """Everything that there still is up to `until` has been counted: the ledger may answer for it."""
        if self.until is not None:
            self.stamp = max(self.stamp, self.until)

    def ledger(self) -> Ledger:
        """The partition's own record, as of its stamp."""
        return Ledger(
            topic=self.topic,
            partition=self.partition,
            stamp=self.stamp,
            watermark_ms=None if self._watermark_ms == NEVER else self._watermark_ms,
            counts=self._counts,
            forgotten=self._ids.forgotten,
            other=self._values.other,
            owner=self.owner,
        )

    def flush(self) -> Flush | None:
        """What is to be written now, in the order of the calls; None when nothing changed.

        The first flush after silence or a takeover carries `opened`: the ledger as it was, which lets time
        wait for the pages that follow.
        """
        changed = [page for page in (*self._panes.pages(), *self._former.pages()) if page.is_dirty]
        if not changed and self.stamp == self._written.stamp:
            return None
        pages, rows = self._writer.pages(changed, self.stamp)
        ids = self._ids.changes()
        rows += self._writer.index(ids, self._values.changes())
        final = self._panes.retire(self._watermark_ms) + self._former.retire(self._watermark_ms)
        self._panes.pack(self._written.stamp)
        opened = self._written.model_copy(update={"opened": True}) if self._is_silent else None
        self._written, self._is_silent = self.ledger(), False
        return Flush(
            adoption=self._writer.adoption(),
            pages=pages,
            rows=rows,
            ledger=self._written,
            ledger_row=self._writer.ledger(self._written, self._ids.turn_ms),
            stamp=self.stamp,
            opened=opened,
            retired=self._writer.retired(final, ids),
        )

    def confirmed(self, flush: Flush) -> list[tuple[bytes, bytes | None]]:
        """The tombstones that may be written once everything of this flush is confirmed."""
        return [*self._writer.tombstones(flush)]

    def idle(self, idle_ms: int) -> Ledger:
        """The ledger that declares the partition idle, read to its end and silent for so long."""
        self._is_silent = True
        return self._written.model_copy(update={"idle": True, "idle_ms": idle_ms})


def _ahead_of_its_record(record: InputRecord, at_ms: int) -> Refusal:
    if record.timestamp < 0:
        wrong = fault(RefusalReason.NO_RECORD_TIME, "", str(record.timestamp))
    else:
        ahead = (at_ms - record.timestamp) // 1000
        remedy = f"set the sender's clock, or send it once it has happened: it is {ahead} s ahead"
        wrong = fault(RefusalReason.FROM_THE_FUTURE, "occurred_at", str(at_ms), remedy)
    return Refusal(record.offset, *wrong)
