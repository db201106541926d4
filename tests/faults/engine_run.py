"""A seeded load, run through the engine in this process without faults, and the same load recounted.

For the tests of the oracle: what the product writes on one side, what was counted when on the other. The
recount reads the source records alone and shares no code with the product.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from schemas.period import parse_span
from schemas.records import CatalogueRecord, Roster
from streams.catalogue import load_catalogue
from streams.engine.evaluate import Evaluation
from streams.engine.measure import SourceFold
from streams.exporters.influx.lines import LineWriter
from tests.faults.oracle.counted import Counted
from tests.faults.oracle.shape import CATALOGUE, Shape
from tests.faults.oracle.windows import DAY_MS, HOUR_MS, MINUTE_MS, Clockwork
from tests.measure_builders import Record

SOURCES = (("t.sales.v1", 0), ("t.sales.v1", 1), ("t.feedback.v1", 0), ("t.sentiment.v1", 0))
#: 31 December 2026, 23:45 in Shanghai: day, month, quarter and year end within the load
BEGIN_MS = 1_798_731_900_000
Source = tuple[str, int]


class Arrival(NamedTuple):
    """One record of a source partition."""

    source: Source
    record: Record


class Run(NamedTuple):
    """What the product wrote, as line protocol, and the last pane end that it judged."""

    lines: list[str]
    last_end_ms: int


def load(seed: int, dense: int = 250, sparse: int = 50) -> list[Arrival]:
    """Half an hour of many events over the year's end, hours of few, many again; then one each, a day later.

    Most are at most 9 s out of order; some are minutes, hours, days or over a year late, some come twice.
    """
    rng, now, log = Random(seed), BEGIN_MS, []
    offsets = dict.fromkeys(SOURCES, -1)
    for number in range(2 * dense + sparse):
        now += rng.randrange(9_000 if not dense <= number < dense + sparse else 12 * MINUTE_MS)
        source = rng.choice(SOURCES)
        if log and rng.random() < 0.03:
            source, again = rng.choice(log[-50:])
            value = again.value
        else:
            value = json.dumps(_event(rng, source[0], number, now - _lateness(rng))).encode()
        offsets[source] += rng.randrange(1, 3)
        log.append(Arrival(source, Record(offsets[source], now, value)))
    later = now + 27 * HOUR_MS
    for number, source in enumerate(SOURCES):
        value = json.dumps(_event(rng, source[0], -1 - number, later)).encode()
        log.append(Arrival(source, Record(offsets[source] + 1, later, value)))
    return log


def _lateness(rng: Random) -> int:
    low, high = rng.choices(
        [
            (0, 9_000),
            (MINUTE_MS, HOUR_MS),
            (HOUR_MS, 2 * DAY_MS),
            (2 * DAY_MS, 390 * DAY_MS),
            (402 * DAY_MS, 500 * DAY_MS),
        ],
        [80, 8, 6, 5, 1],
    )[0]
    return rng.randrange(low, high)


def _event(rng: Random, topic: str, number: int, at_ms: int) -> dict[str, Any]:
    places = {
        "region": rng.choice(("East", "South", "West", "Far North", None)),
        "product_line": rng.choice(("a", "b")),
        "channel": rng.choice(("web", "shop")),
    }
    event = {"event_id": f"e{number}", "occurred_at": at_ms, "dimensions": places}
    amount = {"amount": f"{rng.randrange(1, 100_000) / 100:.2f}", "currency": "CNY"}
    if topic == "t.sales.v1" and rng.random() < 0.2:
        return event | amount | {"kind": "refund", "reason": "broken"}
    if topic == "t.sales.v1":
        line = {"order_id": f"o{number}", "line": rng.randrange(1, 3), "quantity": rng.randrange(1, 5)}
        return event | amount | line | {"kind": "order"}
    if topic == "t.sentiment.v1":
        return event | {
            "kind": "mention",
            "platform": "p",
            "polarity": rng.randrange(-(10**6), 10**6) / 10**6,
        }
    if rng.random() < 0.4:
        return event | {"kind": "complaint", "category": "c", "severity": rng.randrange(1, 6)}
    rated = {"rating": rng.randrange(1, 6)} if rng.random() < 0.9 else {"sentiment": "negative"}
    return event | rated | {"kind": "review"}


def recount(log: list[Arrival], shape: Shape) -> list[Counted]:
    """The events that count, with pane and pane end at which they enter, by the words of the README."""
    return [counted for source in SOURCES for counted in _recount_one(log, source, shape)]


def _recount_one(log: list[Arrival], source: Source, shape: Shape) -> Iterator[Counted]:
    clock = Clockwork(shape.zone, shape.week_start)
    mark, seen = -(2**62), set()
    for record in (arrival.record for arrival in log if arrival.source == source):
        event = json.loads(record.value or b"")
        at, minute = event["occurred_at"], event["occurred_at"] // MINUTE_MS * MINUTE_MS
        pane = _pane(at, mark, shape, clock)
        if event["event_id"] not in seen and pane is not None:
            leaf = tuple(event["dimensions"][name] or "unknown" for name in shape.dimensions)
            known = max(minute, mark // MINUTE_MS * MINUTE_MS)
            yield Counted(*pane, known + MINUTE_MS, leaf, event, max(0, record.timestamp - at))
            if minute + MINUTE_MS > mark:
                mark = max(mark, min(at, record.timestamp) - 10_000)
        seen.add(event["event_id"])


def _pane(at: int, mark: int, shape: Shape, clock: Clockwork) -> tuple[str, int] | None:
    """Grain and start of the pane in which an event counts, by how far the watermark is beyond its minute."""
    minute = at // MINUTE_MS * MINUTE_MS
    behind = mark // MINUTE_MS * MINUTE_MS - minute
    if behind <= HOUR_MS:
        return "m", minute
    if behind <= 2 * DAY_MS:
        return "h", clock.hour(at)
    return ("d", clock.period("day", at)[0]) if behind <= shape.keep_days_ms else None


def run(log: list[Arrival], every: int = 40) -> Run:
    """What the product writes of a load whose source partitions are flushed after every so many records."""
    catalogue = load_catalogue(CATALOGUE)
    # in the hours of few events a repetition comes later than the suite's horizon
    remembers = catalogue.installation.model_copy(update={"dedupe_horizon": parse_span("48h")})
    catalogue = catalogue.model_copy(update={"installation": remembers})
    folds = {source: SourceFold(*source, catalogue, "owner") for source in SOURCES}
    partitions = {topic: 1 + max(part for name, part in SOURCES if name == topic) for topic, _ in SOURCES}
    cells = [CatalogueRecord(catalogue=catalogue).model_dump_json(by_alias=True).encode()]
    cells.append(Roster(partitions=partitions).model_dump_json().encode())
    evaluation, writer, lines, offset = Evaluation("owner"), LineWriter(), [], 0
    for begin in range(0, len(log), every):
        batch = log[begin : begin + every]
        for source, fold in folds.items():
            fold.fold([arrival.record for arrival in batch if arrival.source == source])
            cells += _written(fold)
        for value in cells:
            evaluation.fold(offset, batch[-1].record.timestamp, value)
            offset += 1
            for outcome in evaluation.advance():
                assert not outcome.problems
                lines += writer.figures(outcome.figures).lines
        cells = []
    assert evaluation.frontier_ms is not None
    return Run(lines, evaluation.frontier_ms)


def _written(fold: SourceFold) -> Iterator[bytes]:
    """What a flush sends to the cells topic, in its order."""
    flush = fold.flush()
    if flush is None:
        return
    if flush.opened is not None:
        yield flush.opened.model_dump_json().encode()
    yield from flush.pages
    yield flush.ledger.model_dump_json().encode()
