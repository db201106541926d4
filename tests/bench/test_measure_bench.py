"""How fast a source partition is folded and taken over, beside a raw loop in the same run.

A machine's speed swings; the ratio to the raw loop, which does no more than parse the same JSON and add to
one dictionary, swings less. Times are of this process, the best of several.
"""

import gc
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from streams.engine.measure import MeasureRows, SourceFold
from tests.bench.figures import Figures
from tests.measure_builders import START_MS, TOPIC, Record, catalogue

EVENTS, BATCH, ROUNDS = 40_000, 2_000, 4
LEAVES = [(region, channel) for region in "abcdefghij" for channel in ("store", "app")]


def order_value(at: int) -> bytes:
    """An order of about 200 bytes, its time as text and its money as decimal text."""
    region, channel = LEAVES[at % len(LEAVES)]
    moment = datetime.fromtimestamp((START_MS + at) / 1000, UTC).isoformat(timespec="milliseconds")
    event = {
        "kind": "order",
        "event_id": f"order-{at}-1",
        "occurred_at": moment,
        "dimensions": {"region": region, "channel": channel},
        "order_id": f"{at}",
        "line": 1,
        "amount": f"{at % 997}.{at % 100:02}",
        "currency": "CNY",
        "quantity": 1,
    }
    return json.dumps(event, separators=(",", ":")).encode()


@pytest.fixture(scope="module")
def log() -> Iterator[list[Record]]:
    """A log of orders, kept out of the garbage collector's way as a worker's long-lived objects are."""
    records = [Record(at, START_MS + at + 500, order_value(at)) for at in range(EVENTS)]
    gc.collect()
    gc.freeze()
    yield records
    gc.unfreeze()


def best_us(events: list[Record], step: Callable[[list[Record]], object]) -> float:
    """Microseconds of an event, in the fastest batch."""
    times = []
    for start in range(0, len(events), BATCH):
        batch = events[start : start + BATCH]
        begin = time.process_time()
        step(batch)
        times.append((time.process_time() - begin) / len(batch) * 1e6)
    return min(times)


def raw_loop(batch: list[Record]) -> dict[str, int]:
    """What cannot be done without: parse each event, add to one number."""
    totals: dict[str, int] = {}
    for record in batch:
        event = json.loads(record.value or b"")
        region = event["dimensions"]["region"]
        totals[region] = totals.get(region, 0) + 1
    return totals


def test_fold_costs_at_most_five_raw_loops(log: list[Record], figures: Figures) -> None:
    folds = [SourceFold(TOPIC, 0, catalogue(), "bench") for _ in range(ROUNDS)]
    fold_us = min(best_us(log, fold.fold) for fold in folds)
    raw_us = min(best_us(log, raw_loop) for _ in range(ROUNDS))
    assert folds[0].ledger().counts.counted == EVENTS
    figures.add("fold alone: events for a second of CPU", [1e6 / fold_us], "events/s")
    figures.add("fold alone: time by that of json.loads", [fold_us / raw_us], below=5)


def test_takeover_of_100_000_cells_takes_less_than_two_seconds(figures: Figures) -> None:
    book = catalogue(limit=1000)
    fold = SourceFold(TOPIC, 0, book, "one")
    event = json.loads(order_value(0))
    records = []
    for at in range(100_000):
        event |= {"event_id": str(at), "occurred_at": START_MS + at % 400 * 60_000}
        event["dimensions"] = {"region": f"r{at // 400}", "channel": "c"}
        records.append(Record(at, START_MS + 400 * 60_000, json.dumps(event).encode()))
    for start in range(0, len(records), BATCH):
        fold.fold(records[start : start + BATCH])
    flush = fold.flush()
    assert flush is not None
    begin = time.process_time()
    rows = MeasureRows()
    for key, value in [*flush.rows, flush.ledger_row]:
        rows.apply(key, value)
    heir = SourceFold.restore(TOPIC, 0, book, "two", rows)
    took = time.process_time() - begin
    assert heir.ledger().counts == fold.ledger().counts
    figures.add("fold alone: 100,000 cells taken over", [took], "s", below=2)
