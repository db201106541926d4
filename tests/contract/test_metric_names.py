"""Every metric that the board and the alert rules name is one that some stage really shows."""

import re
from pathlib import Path

import pytest

from streams.engine.figures import Figure
from streams.exporters.base import Deps, Snapshot
from streams.exporters.influx.exporter import InfluxExporter
from streams.exporters.prometheus import IncidentsCollector, LedgersCollector, PrometheusExporter
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from tests.fakes_output import FakeSuccession

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = ("grafana/dashboards/overview.json", "prometheus/rules/planwatch.yml")


def _shown(folder: Path) -> set[str]:
    """The names of the series of all stages, made without one of them running."""
    names: set[str] = set()
    figure = Figure("revenue", "1h", "company", (), 60_000, 1.0, 2.0)
    snapshot = Snapshot([figure], [("down", {}, "red", 0)], lambda _: 4, 60_000)
    for stage in ("measure", "evaluate", "respond"):
        telemetry = Telemetry(stage)
        deps = Deps(telemetry, Health(), lambda: snapshot, FakeSuccession())
        PrometheusExporter(Settings(data_dir=folder), deps)
        InfluxExporter(Settings(data_dir=folder), telemetry, Health(), FakeSuccession())
        telemetry.register("ledgers", LedgersCollector(list).collect)
        telemetry.register("incidents", IncidentsCollector(lambda: {"red": 1}).collect)
        for family in telemetry.registry.collect():
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
            names |= {family.name + suffix for suffix in suffixes.get(family.type, ("",))}
    return names


@pytest.mark.parametrize("file", FILES)
def test_metric_that_is_asked_for_is_shown_by_a_stage(file: str, tmp_path: Path) -> None:
    text = (DEPLOY / file).read_text(encoding="utf-8")
    asked = set(re.findall(r"\bplanwatch_[a-z_]+(?=[{\[) \\\"]|$)", text, re.MULTILINE))
    assert len(asked) > 8
    assert asked - _shown(tmp_path) == set()
