"""What the tests of stage one build: a small catalogue, events, and the records of a source partition."""

import json
from dataclasses import dataclass
from typing import Any

from schemas.base import Text
from schemas.catalogue import Catalogue, Installation
from schemas.dimension import Dimension
from schemas.kpi import Kpi, Measure, Range
from schemas.period import parse_span
from streams.engine.measure_ids import SeenIds

TOPIC = "t.sales.v1"
#: 2026-03-02T08:00+08:00, a Monday
START_MS = 1_772_409_600_000
ZONE_MS = 8 * 3_600_000


def admits(seen: SeenIds, event_id: str, offset: int, arrived_ms: int) -> bool:
    """Whether one id by itself is new."""
    (new,) = seen.admit([event_id], [offset], [arrived_ms])
    return new


@dataclass(frozen=True)
class Record:
    """A Kafka record as the fold sees it."""

    offset: int
    timestamp: int
    value: bytes | None


def text(word: str) -> Text:
    """A text that is the same in both languages."""
    return Text(en=word, zh=word)


def catalogue(*extra: Measure, limit: int = 50, **installation: Any) -> Catalogue:
    """Two dimensions, two KPIs; money in CNY; further measures make a layout of their own."""
    measures = {
        "lines": Measure(event="order", count=True),
        "orders": Measure(event="order", count=True, where={"line": 1}),
        "gross": Measure(event="order", sum="amount"),
        "dearest": Measure(event="order", max="amount", where={"quantity": Range(min=1)}),
        "quickest": Measure(event=["order", "refund"], min="delay"),
        "returned": Measure(event="refund", sum="amount"),
    }
    measures |= {f"extra_{at}": measure for at, measure in enumerate(extra)}
    kpi = Kpi(id="all", title=text("All"), unit="CNY", better="higher", measures=measures, value="gross")
    spans = {
        name: parse_span(value) if isinstance(value, str) else value for name, value in installation.items()
    }
    defaults = {"title": text("Test"), "currency": "CNY", "time_zone": "Asia/Shanghai"}
    return Catalogue(
        installation=Installation(**{**defaults, **spans}),
        dimensions=[
            Dimension(id="region", title=text("Region"), limit=limit),
            Dimension(id="channel", title=text("Channel"), limit=limit),
        ],
        tiers=[],
        kpis={"all": kpi},
        rules={},
    )


def order(event_id: Any = "o-1", at: Any = START_MS, **fields: Any) -> dict[str, Any]:
    """An order line; `...` takes a field out."""
    event: dict[str, Any] = {
        "kind": "order",
        "event_id": event_id,
        "occurred_at": at,
        "order_id": "o",
        "line": 1,
        "amount": "10.00",
        "currency": "CNY",
        "quantity": 1,
        **fields,
    }
    return {name: value for name, value in event.items() if value is not ...}


def encoded(event: dict[str, Any]) -> bytes:
    """The value of a record."""
    return json.dumps(event, ensure_ascii=False).encode()


def record(offset: int, event: dict[str, Any] | bytes | None, arrived: int | None = None) -> Record:
    """A record that arrives when its event happens unless told otherwise."""
    if not isinstance(event, dict):
        return Record(offset, START_MS if arrived is None else arrived, event)
    at = event["occurred_at"]
    return Record(offset, at if arrived is None else arrived, encoded(event))
