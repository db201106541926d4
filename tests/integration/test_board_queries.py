"""Every query of the overview board runs on a real Prometheus and a real InfluxDB and gets data.

What they hold is written by the product's own exporters, so a renamed metric, label, tag or field is seen.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from schemas.catalogue import Catalogue
from schemas.records import Counts, Ledger, Transition
from streams.board.queries import Query, queries
from streams.catalogue import default_folder, load_catalogue
from streams.engine.figures import Figure
from streams.exporters.base import Deps, Snapshot
from streams.exporters.influx.exporter import SINK
from streams.exporters.influx.lines import LineWriter, transition_lines
from streams.exporters.prometheus import IncidentsCollector, LedgersCollector, PrometheusExporter
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import NoticeDone
from streams.telemetry.metrics import Metric, gauge_family
from streams.web import StagePage
from tests.fakes_output import FakeSuccession, until
from tests.servers.influx import Influx
from tests.servers.prometheus import Prometheus

END_MS = 1_790_000_040_000
BOARD = Path(__file__).parents[2] / "deploy/grafana/dashboards/overview.json"
VALUES = {"region": "East", "product_line": "Bikes", "channel": "store"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(default_folder())


def board_queries(datasource: str, **values: str) -> list[Query]:
    board = BOARD.read_text(encoding="utf-8")
    return [query for query in queries(board, values) if query.datasource == datasource]


def figures(catalogue: Catalogue) -> Iterator[Figure]:
    """Every KPI over each of its windows at each of its levels, for two regions."""
    for kpi, region in product(catalogue.kpis.values(), ("East", "West")):
        for window, dimensions in product(kpi.windows, kpi.scopes):
            scope = tuple((name, region if name == "region" else VALUES[name]) for name in dimensions)
            yield Figure(kpi.id, window, "+".join(dimensions) or "company", scope, END_MS, 12.5, 20.0)


def transition(seq: int) -> Transition:
    return Transition(
        rule="region_quiet",
        scope={"region": "East"},
        tier="orange",
        previous="none",
        cause="quiet",
        end_ms=END_MS,
        seq=seq,
        kpi="order_lines",
        window="24h",
        value=0.0,
        expected=10.0,
        departure=0.0,
        threshold=None,
        since_ms=END_MS,
        catalogue="0",
    )


def stage_metrics(catalogue: Catalogue, folder: Path) -> Telemetry:
    """One registry with what the three stages show."""
    tiers = [("region_quiet", {"region": "East"}, "orange", END_MS)]
    snapshot = Snapshot(list(figures(catalogue)), tiers, catalogue.rank, END_MS)
    counts = Counts(received=10, counted=8, duplicate=1, refused=1)
    ledger = Ledger(topic="planwatch.sales.v1", partition=0, stamp=9, watermark_ms=END_MS, counts=counts)
    telemetry = Telemetry("evaluate")
    deps = Deps(telemetry, Health(), lambda: snapshot, FakeSuccession())
    PrometheusExporter(Settings(data_dir=folder), deps)
    lag = {("planwatch.sales.v1", 0): 3}
    telemetry.register("ledgers", LedgersCollector(lambda: [ledger], lambda: lag).collect)
    telemetry.register("incidents", IncidentsCollector(lambda: {"orange": 1}).collect)
    telemetry.register("sink", sink_families)
    telemetry.event_to_transition.observe(0.4)
    responding = Telemetry("respond", process=False)
    responding.tell(NoticeDone(channel="terminal", outcome="sent", notice="n"))
    telemetry.register("notices", lambda: responding.registry.collect())
    return telemetry


def sink_families() -> list[Metric]:
    family = gauge_family("planwatch_sink_waiting_points", "Points that wait for a sink, by place.")
    family.add_sample(family.name, {"sink": SINK, "place": "memory"}, 4.0)
    return [family]


@pytest.fixture
async def scraped(prometheus: Prometheus, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus that has scraped all of it some times, so that rates exist."""
    page = StagePage("127.0.0.1", 0, stage_metrics(catalogue, tmp_path), health=Health())
    await page.start()
    target = f"127.0.0.1:{page.port}"
    prometheus.scrape([target], wait=False)
    scrapes = f'sum_over_time(up{{instance="{target}"}}[1m])'
    await until(lambda: (prometheus.value(scrapes) or 0) > 3, 30)
    yield prometheus
    await page.stop()


async def test_every_promql_query_of_the_board_gets_data(scraped: Prometheus) -> None:
    asked = board_queries("prometheus")
    assert len(asked) > 30

    def empty() -> list[str]:
        return [query.text for query in asked if not scraped.query(query.text)]

    with suppress(AssertionError):  # a rate needs two scrapes of late, and a busy machine may miss some
        await until(lambda: not empty(), 30)
    assert empty() == []


async def test_promql_drill_down_shows_the_level_and_region_chosen(scraped: Prometheus) -> None:
    asked = board_queries("prometheus", level="region", window="1h", region="East")
    revenue = next(query for query in asked if 'value{kpi="revenue"' in query.text)
    found = scraped.query(revenue.text)
    assert [(one["metric"]["level"], one["metric"]["region"]) for one in found] == [("region", "East")]


def filled(influx: Influx, catalogue: Catalogue) -> Influx:
    """The bucket with a point of every figure and two transitions, in nanoseconds as the fixture writes."""
    written = LineWriter().figures(figures(catalogue)).lines
    written += transition_lines([transition(0), transition(1)], catalogue.rank)
    influx.write("\n".join(f"{line}000000" for line in written))
    return influx


def test_every_flux_query_of_the_board_gets_data(influx: Influx, catalogue: Catalogue) -> None:
    filled(influx, catalogue)
    asked = board_queries(
        "influxdb",
        **{
            "v.defaultBucket": f'"{influx.bucket}"',
            "v.timeRangeStop": "2100-01-01T00:00:00Z",
            "v.windowPeriod": "1d",
        },
    )
    assert len(asked) > len(catalogue.kpis)
    assert [query for query in asked if not influx.flux(query.text)] == []


def test_flux_drill_down_shows_the_level_and_region_chosen(influx: Influx, catalogue: Catalogue) -> None:
    filled(influx, catalogue)
    bucket = f'"{influx.bucket}"'
    asked = board_queries(
        "influxdb",
        level="region",
        region="West",
        **{"v.defaultBucket": bucket, "v.timeRangeStop": "2100-01-01T00:00:00Z", "v.windowPeriod": "1d"},
    )
    revenue = next(query for query in asked if 'r.kpi == "revenue"' in query.text)
    rows = influx.flux(revenue.text)
    assert {(row["_field"], row["region"], row["_value"]) for row in rows} == {
        ("value", "West", "12.5"),
        ("expected", "West", "20"),
    }
