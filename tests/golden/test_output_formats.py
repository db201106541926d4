"""The wire formats of the outputs, byte for byte. A change here is a change for every board and query."""

from pathlib import Path

from schemas.records import Counts, Ledger
from streams.engine.figures import Figure
from streams.exporters.base import Snapshot
from streams.exporters.influx.lines import LineWriter
from streams.exporters.prometheus import IncidentsCollector, LedgersCollector, figure_families
from streams.telemetry.metrics import expose

FOLDER = Path(__file__).parent / "outputs"

FIGURES = [
    Figure("revenue", "1h", "company", (), 1_790_000_040_000, 1234.5, 1500.0),
    Figure("revenue", "1h", "region", (("region", "East"),), 1_790_000_040_000, 600.25, None),
    Figure(
        "revenue",
        "1h",
        "region+channel",
        (("region", '华"东\n'), ("channel", "a,b=c d\\")),
        60_000,
        -1e-7,
        0.0,
    ),
    Figure("click_ratio", "7d", "company", (), 1_790_000_040_000, 1 / 3, None),
]
LEDGERS = [
    Ledger(
        topic="planwatch.sales.v1",
        partition=0,
        stamp=99,
        watermark_ms=1_790_000_030_500,
        counts=Counts(received=100, counted=90, duplicate=4, late=7, expired=1, refused=5),
        forgotten=2,
        other=3,
    ),
    Ledger(topic="planwatch.sales.v1", partition=1, stamp=-1, idle=True),
]


def snapshot() -> Snapshot:
    tiers = [
        ("revenue_down", {"region": "East"}, "red", 0),
        ("revenue_down", (("region", "West"),), "none", 0),
        ("refunds_up", {}, "yellow", 0),
    ]
    return Snapshot(FIGURES, tiers, ["none", "blue", "yellow", "orange", "red"].index, 1_790_000_040_000)


def families() -> list[object]:
    ledgers = LedgersCollector(lambda: LEDGERS, lambda: {("planwatch.sales.v1", 0): 12})
    incidents = IncidentsCollector(lambda: {"blue": 0, "red": 1})
    return [*figure_families(snapshot(), 1000), *ledgers.collect(), *incidents.collect()]


def expect(name: str, written: str) -> None:
    assert written == (FOLDER / name).read_text(), (
        f"if it was meant, put this into tests/golden/outputs/{name}:\n{written}"
    )


def test_exposition_text_is_as_it_was() -> None:
    expect("metrics.txt", expose(families(), "")[1].decode())


def test_openmetrics_is_as_it_was() -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    expect("metrics.openmetrics.txt", expose(families(), accept)[1].decode())


def test_line_protocol_is_as_it_was() -> None:
    expect("points.lp", "\n".join(LineWriter().figures(FIGURES).lines) + "\n")
