"""What a cell and an id take in memory and time, in one process: the fold of one source partition alone.

Times are of this process; memory is what the process has grown by.
"""

import gc
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import orjson
import pytest

from schemas.catalogue import Catalogue
from streams.catalogue import default_folder, load_catalogue
from streams.engine.measure import Limits, MeasureRows, SourceFold
from streams.engine.measure_ids import SeenIds, Segment
from streams.state import collector_still
from tests.bench.cpu import memory_mb
from tests.bench.figures import Figures
from tests.bench.sizes import CELLS, IDS, MEMORY_CELLS
from tests.measure_builders import START_MS, TOPIC, Record

pytestmark = pytest.mark.timeout(3600)
LEAVES, BATCH, MINUTE, HOUR = 5_000, 2_000, 60_000, 3_600_000
#: batches between two flushes
FLUSHED = 20


def book() -> Catalogue:
    """The default catalogue with room for all leaves, and minutes that stay open for long."""
    found = load_catalogue(default_folder())
    keep = {"disorder": "399h", "keep_minutes": "400h", "keep_hours": "40d"}
    given = found.model_dump(mode="json", by_alias=True)
    given["installation"] |= keep
    for dimension in given["dimensions"]:
        dimension["limit"] = 1000
    return Catalogue.model_validate(given)


def minutes(cells: int) -> Iterator[list[Record]]:
    """An order for each leaf in each minute, a minute at a time, until there are so many cells."""
    currency = book().installation.currency
    event = {"kind": "order", "order_id": "o", "line": 1, "currency": currency, "quantity": 1}
    for begin in range(0, cells, LEAVES):
        at = START_MS + begin // LEAVES * MINUTE
        records = []
        for number in range(begin, min(begin + LEAVES, cells)):
            leaf = number % LEAVES
            event |= {"event_id": str(number), "occurred_at": at, "amount": leaf + 0.25}
            event["dimensions"] = {"region": f"r{leaf // 20}", "channel": f"c{leaf % 20}"}
            records.append(Record(number, at, orjson.dumps(event)))
        yield records


def counted(fold: SourceFold, cells: int, rows: MeasureRows | None = None) -> float:
    """Count that many cells, flushing each minute into `rows`; gives the seconds of folding."""
    took = 0.0
    for records in minutes(cells):
        begun = time.process_time()
        fold.fold(records)
        took += time.process_time() - begun
        flush = fold.flush()
        assert flush is not None
        for key, value in [*flush.rows, flush.ledger_row] if rows is not None else []:
            rows.apply(key, value)
    assert fold.ledger().counts.counted == cells
    return took


def test_memory_of_a_cell(figures: Figures) -> None:
    fold = SourceFold(TOPIC, 0, book(), "bench", limits=Limits(dedupe_entries=0))
    counted(fold, 2 * LEAVES)
    del fold
    gc.collect()
    before = memory_mb(os.getpid())
    fold = SourceFold(TOPIC, 0, book(), "bench", limits=Limits(dedupe_entries=0))
    took = counted(fold, MEMORY_CELLS)
    gc.collect()
    grown = (memory_mb(os.getpid()) - before) * 1e6 / MEMORY_CELLS
    figures.add(f"memory of a cell, of {MEMORY_CELLS:,}", [grown], "bytes", below=200)
    title = "fold alone, each event a new cell: events for a second of CPU"
    figures.add(title, [MEMORY_CELLS / took], "events/s")


def test_recovery_of_cells(figures: Figures) -> None:
    rows = MeasureRows()
    fold = SourceFold(TOPIC, 0, book(), "one", limits=Limits(dedupe_entries=0))
    counted(fold, CELLS, rows)
    catalogue, begun = book(), time.process_time()
    with collector_still():  # as a stage does
        heir = SourceFold.restore(TOPIC, 0, catalogue, "two", rows, limits=Limits(dedupe_entries=0))
    took = time.process_time() - begun
    assert heir.ledger().counts == fold.ledger().counts
    title = f"recovery of {CELLS:,} cells of measure: cells for a second of CPU"
    figures.add(title, [CELLS / took], "cells/s", at_least=400_000)


class Filled(NamedTuple):
    """An index that is full, what it has stored, and what its filling took in seconds of CPU."""

    seen: SeenIds
    stored: list[Segment]
    took_s: float
    longest_s: float


def filled() -> Filled:
    """Ten million ids within the horizon, stored as they come."""
    seen, stored, took, longest = SeenIds(HOUR, IDS + 1), list[Segment](), 0.0, 0.0
    for number, begin in enumerate(range(0, IDS, BATCH)):
        offsets = range(begin, min(begin + BATCH, IDS))
        ids, arrived = [f"order-{at}-1" for at in offsets], [0] * len(offsets)
        begun = time.process_time()
        new = seen.admit(ids, offsets, arrived)
        step = time.process_time() - begun
        assert all(new)
        took, longest = took + step, max(longest, step)
        if number % FLUSHED == 0:
            stored += seen.changes().segments
    stored += seen.changes().segments
    return Filled(seen, stored, took, longest)


def test_memory_and_time_of_an_id(figures: Figures) -> None:
    fold_s = counted(SourceFold(TOPIC, 0, book(), "bench"), 20 * LEAVES) / (20 * LEAVES)
    index = filled()
    assert len(index.seen) == IDS
    title = f"dedupe, {IDS:,} ids in the horizon"
    figures.add(f"{title}: memory of an id", [index.seen.bytes / IDS], "bytes", below=24)
    figures.add(f"{title}: share of the fold", [index.took_s / IDS / fold_s], below=0.10)
    figures.add(f"{title}: longest batch", [index.longest_s], "s")
    heir, begun = SeenIds(HOUR, IDS + 1), time.process_time()
    heir.restore(index.stored, IDS - 1, index.seen.turn_ms, 0)
    figures.add(f"{title}: recovery", [time.process_time() - begun], "s")
    assert len(heir) == IDS
