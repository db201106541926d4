"""The recount of one source partition: what becomes of each record, and the cells that it comes to.

The rules are those of the README: a repetition is an id seen before in this partition within the horizon; an
event is late when its minute lies behind the partition's own watermark, and then counts in its minute, hour
or day by how late it is; what is later still is expired.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.kpi import Measure, Range
from tests.faults.oracle.company import MINUTE_MS, Company
from tests.faults.oracle.log import Record
from tests.faults.poison import EXPECT

#: a bucket of ids is at most this part of the horizon long: so much later an id is surely forgotten
_BUCKETS = 24
_READ = ("kind", "amount", "line", "quantity", "rating", "severity", "polarity")


class Pane(NamedTuple):
    """A slice of event time, and the minute in which what is counted in it became known."""

    grain: str
    start_ms: int
    known_ms: int


class Event(NamedTuple):
    """An event that counts: where, from which pane end on, and what it is."""

    pane: Pane
    leaf: tuple[str, ...]
    event: dict[str, Any]
    delay_ms: int

    @property
    def enters_ms(self) -> int:
        """The pane end at which it becomes a part of the figures."""
        return self.pane.known_ms + MINUTE_MS


Leaf = tuple[str, ...]
Cell = dict[str, int | None]


@dataclass
class Source:
    """The recount of a source partition, one record after the other."""

    company: Company
    counts: Counter[str] = field(default_factory=Counter)
    watermark_ms: int | None = None
    cells: dict[Pane, dict[Leaf, Cell]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    stamp: int = -1
    _seen: dict[str, int] = field(default_factory=dict)

    def take(self, records: Iterable[Record]) -> Iterator[Event]:
        """Count the records; gives those events that count."""
        for record in records:
            self.stamp = record.offset
            self.counts["received"] += 1
            counted = self._one(record)
            if counted is not None:
                self._add(counted)
                yield counted

    def _one(self, record: Record) -> Event | None:
        if EXPECT in record.headers:
            self.counts["refused"] += 1
            self.refused[record.offset] = record.headers[EXPECT].decode()
            return None
        event = json.loads(record.value or b"", parse_float=Decimal)
        if self._is_repetition(event["event_id"], record.timestamp):
            self.counts["duplicate"] += 1
            return None
        pane = self._pane(event["occurred_at"], record.timestamp)
        if pane is None:
            self.counts["expired"] += 1
            return None
        self.counts["counted"] += 1
        delay = max(0, record.timestamp - event["occurred_at"])
        # millions of them are kept: only what a measure may read
        kept = {name: event[name] for name in _READ if name in event}
        return Event(pane, self._leaf(event), kept, delay)

    def _is_repetition(self, event_id: str, now_ms: int) -> bool:
        horizon_ms = self.company.spans["dedupe_horizon"]
        first_ms = self._seen.get(event_id)
        if first_ms is not None and now_ms - first_ms <= horizon_ms:
            return True
        if first_ms is not None:
            assert now_ms - first_ms > horizon_ms + 2 * horizon_ms // _BUCKETS, "the load repeats at the edge"
        self._seen[event_id] = now_ms
        return False

    def _pane(self, at_ms: int, arrived_ms: int) -> Pane | None:
        start = at_ms - at_ms % MINUTE_MS
        if self.watermark_ms is None or start + MINUTE_MS > self.watermark_ms:
            reached = min(at_ms, arrived_ms) - self.company.spans["disorder"]
            self.watermark_ms = max(reached, self.watermark_ms or reached)
            return Pane("m", start, start)
        self.counts["late"] += 1
        known = self.watermark_ms - self.watermark_ms % MINUTE_MS
        behind = known - start
        if behind <= self.company.spans["keep_minutes"]:
            return Pane("m", start, known)
        if behind <= self.company.spans["keep_hours"]:
            return Pane("h", self.company.hour(at_ms), known)
        if behind <= self.company.spans["keep_days"]:
            return Pane("d", self.company.day(at_ms), known)
        self.counts["late"] -= 1
        return None

    def _leaf(self, event: dict[str, Any]) -> Leaf:
        given = event.get("dimensions", {})
        return tuple(given.get(name) or "unknown" for name in self.company.dimensions)

    def _add(self, counted: Event) -> None:
        cells = self.cells.setdefault(counted.pane, {})
        cell = cells.get(counted.leaf)
        if cell is None:
            cell = cells[counted.leaf] = {
                key: None if one.how in ("min", "max") else 0 for key, one in self.company.measures.items()
            }
        for key, measure in self.company.measures.items():
            _fold(cell, key, measure, counted.event, counted.delay_ms)


def _fold(cell: Cell, key: str, measure: Measure, event: dict[str, Any], delay_ms: int) -> None:
    if event["kind"] not in measure.events:
        return
    if not all(_holds(_stored(event, name, delay_ms), wanted) for name, wanted in measure.where.items()):
        return
    value = 1 if measure.field is None else _stored(event, measure.field, delay_ms)
    if value is None:
        return
    before = cell[key]
    if before is None:
        cell[key] = value
    elif measure.how == "min":
        cell[key] = min(before, value)
    elif measure.how == "max":
        cell[key] = max(before, value)
    else:
        cell[key] = before + value


def _stored(event: dict[str, Any], name: str, delay_ms: int) -> Any:
    """A field as it is stored: money in cents, polarity in millionths."""
    if name == "delay":
        return delay_ms
    value = event.get(name)
    if name == "amount":
        return int(Decimal(value) * 100)
    if name == "polarity":
        return int(Decimal(value) * 1_000_000)
    return value


def _holds(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Range):
        low = wanted.min is None or (value is not None and value >= wanted.min)
        return value is not None and low and (wanted.max is None or value <= wanted.max)
    return value in wanted if isinstance(wanted, list) else value == wanted
