"""Small catalogues, pages and ledgers for tests of stage two, and a log that remembers what it was fed."""

from collections.abc import Iterable, Sequence
from typing import Any

from schemas.catalogue import Catalogue
from schemas.records import CatalogueRecord, Ledger, Roster
from streams.cells.layout import Layout, layout_of
from streams.cells.page import Page, PageKey, encode_page
from streams.engine.evaluate import Evaluation, Outcome
from streams.engine.rows import VersionedRows

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
#: 2026-06-01T00:00 in UTC, a Monday
MONDAY = 1_780_272_000_000
TITLE = {"en": "t", "zh": "t"}
TIERS = [
    {"id": tier, "title": TITLE, "colour": "#000000", "meaning": TITLE, "decides": TITLE}
    for tier in ("blue", "yellow", "orange", "red")
]
KPIS: dict[str, dict[str, Any]] = {
    "orders": {
        "unit": "orders",
        "measures": {"orders": {"event": "order", "count": True}},
        "value": "orders",
    },
    "revenue": {
        "unit": "CNY",
        "measures": {
            "gross": {"event": "order", "sum": "amount"},
            "returned": {"event": "refund", "sum": "amount"},
        },
        "value": "gross - returned",
    },
    "slowest": {
        "unit": "seconds",
        "measures": {"slowest": {"event": "order", "max": "delay"}},
        "value": "slowest",
    },
}


def kpi(name: str, **changes: Any) -> dict[str, Any]:
    """One of the KPIs above, changed."""
    return {
        "id": name,
        "title": TITLE,
        "better": "higher",
        "scopes": [[], ["region"]],
        **KPIS.get(name, {}),
        **changes,
    }


def rung(enter: float, exit_: float, hold: str = "0m") -> dict[str, Any]:
    """One rung of a ladder."""
    return {"enter": enter, "exit": exit_, "hold": hold}


def constant(value: float) -> dict[str, Any]:
    """A constant expectation."""
    return {"from": "constant", "value": value}


def previous(ago: str) -> dict[str, Any]:
    """A previous period as expectation."""
    return {"from": "previous", "ago": ago}


def rule(name: str, **changes: Any) -> dict[str, Any]:
    """A rule on orders in the last hour: fewer than ten are bad."""
    return {
        "id": name,
        "title": TITLE,
        "kpi": "orders",
        "window": "1h",
        "expect": constant(10),
        "compare": "ratio",
        "bad": "below",
        "scopes": [["region"]],
        "ladder": {"yellow": rung(0.8, 0.9, "2m"), "red": rung(0.5, 0.6)},
        "tests": [{"name": "t", "given": {}, "expect": []}],
        **changes,
    }


def catalogue(
    rules: Sequence[dict[str, Any]] = (),
    kpis: Sequence[dict[str, Any]] | None = None,
    dimensions: Sequence[dict[str, Any]] | None = None,
    **installation: Any,
) -> Catalogue:
    """A catalogue over region and channel in UTC, unless told otherwise."""
    chosen = [kpi(name) for name in KPIS] if kpis is None else list(kpis)
    return Catalogue.model_validate(
        {
            "installation": {
                "title": TITLE,
                "currency": "CNY",
                "time_zone": "Etc/UTC",
                "live": True,
                **installation,
            },
            "dimensions": [
                {"title": TITLE, **d} for d in (dimensions or [{"id": "region"}, {"id": "channel"}])
            ],
            "tiers": TIERS,
            "kpis": {item["id"]: item for item in chosen},
            "rules": {item["id"]: item for item in rules},
        }
    )


def page(
    layout: Layout,
    cells: dict[tuple[str, ...], dict[str, int]],
    start: int,
    *,
    stamp: int,
    known: int | None = None,
    grain: str = "m",
    source: tuple[str, int] = ("sales", 0),
    number: int = 0,
) -> bytes:
    """A page; cells name only the measures that are not empty."""
    key = PageKey(*source, layout.id, grain, start, start if known is None else known, number)
    rows = {}
    for leaf, given in cells.items():
        row = list(layout.empty)
        for name, value in given.items():
            row[layout.keys.index(name)] = value
        rows[leaf] = row
    return encode_page(Page(key, stamp, 0, rows))


def ledger(
    watermark: int | None, *, stamp: int, source: tuple[str, int] = ("sales", 0), **more: Any
) -> bytes:
    """A ledger."""
    record = Ledger(topic=source[0], partition=source[1], stamp=stamp, watermark_ms=watermark, **more)
    return record.model_dump_json().encode()


class CellsLog:
    """A cells topic in memory: what was appended, in order, with timestamps."""

    def __init__(self, catalogue: Catalogue, partitions: int = 1, timestamp: int = MONDAY) -> None:
        self.records: list[tuple[int, int, bytes]] = []
        self.timestamp = timestamp
        self.layout = layout_of(catalogue)
        self.stamp = 0
        self.put(CatalogueRecord(catalogue=catalogue).model_dump_json(by_alias=True).encode())
        self.put(Roster(partitions={"sales": partitions}).model_dump_json().encode())

    def put(self, value: bytes) -> None:
        """Append one record."""
        self.records.append((len(self.records), self.timestamp, value))

    def add(self, cells: dict[tuple[str, ...], dict[str, int]], start: int, **more: Any) -> None:
        """Append a page of the only partition."""
        self.stamp += 1
        self.put(page(self.layout, cells, start, **{"stamp": self.stamp, **more}))

    def reach(self, watermark: int | None, **more: Any) -> None:
        """Append a ledger of the only partition."""
        self.stamp += 1
        self.put(ledger(watermark, **{"stamp": self.stamp, **more}))


def run(records: Iterable[tuple[int, int, bytes]], fold: Evaluation | None = None) -> list[Outcome]:
    """Feed records one by one to a fold; all outcomes."""
    fold = fold or Evaluation("test")
    outcomes = []
    for record in records:
        fold.fold(*record)
        outcomes += list(fold.advance())
    return outcomes


def restart(changelog: list[tuple[bytes, bytes | None]], owner: str = "heir") -> Evaluation:
    """The fold that another process makes of a changelog."""
    rows = VersionedRows(owner.encode())
    for key, value in changelog:
        rows.apply(key, value)
    return Evaluation.restore(rows, owner)


def told(outcomes: Iterable[Outcome]) -> list[tuple[str, str, str, int]]:
    """Rule, scope, tier and pane end of every transition, in order."""
    return [(t.rule, ",".join(t.scope.values()), t.tier, t.end_ms) for o in outcomes for t in o.transitions]


def figures(outcomes: Iterable[Outcome]) -> dict[tuple[str, str, str, int], float]:
    """KPI, window, scope and end → value, the last one written."""
    return {
        (f.kpi, f.window, ",".join(value for _, value in f.scope), f.end_ms): f.value
        for outcome in outcomes
        for f in outcome.figures
    }
