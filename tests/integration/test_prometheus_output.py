"""A real Prometheus scrapes the page of a stage; promtool finds nothing to say against it."""

import subprocess
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest

from streams.engine.figures import Figure
from streams.exporters.base import Deps, Snapshot
from streams.exporters.prometheus import IncidentsCollector, LedgersCollector, PrometheusExporter
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import HAPPENINGS
from streams.telemetry.metrics import expose
from streams.web import StagePage
from tests.fakes_output import FakeSuccession, until
from tests.servers.process import program
from tests.servers.prometheus import Prometheus

HOSTILE = ['q"q', "back\\slash", "new\nline", "}\n# EOF\nevil 1", "", "东 区", "\ud800", "a,b={c}"]


class Stage:
    """A stage's page with figures that the test sets; None is "not the owner"."""

    def __init__(self, folder: Path) -> None:
        self.telemetry = Telemetry("evaluate")
        self.health = Health()
        self.figures: list[Figure] | None = []
        PrometheusExporter(
            Settings(data_dir=folder), Deps(self.telemetry, self.health, self.snapshot, FakeSuccession())
        )
        self.telemetry.register("ledgers", LedgersCollector(list).collect)
        self.telemetry.register("incidents", IncidentsCollector(lambda: {"red": 1}).collect)
        self.page = StagePage("127.0.0.1", 0, self.telemetry, health=self.health)

    def snapshot(self) -> Snapshot | None:
        if self.figures is None:
            return None
        tiers = [("down", {"region": "East"}, "red", 0)]
        return Snapshot(self.figures, tiers, ["none", "red"].index, 1_790_000_040_000)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose page listens."""
    made = Stage(tmp_path)
    await made.page.start()
    yield made
    await made.page.stop()


def figure(region: str, value: float) -> Figure:
    return Figure("revenue", "1h", "region", (("region", region),), 1_790_000_040_000, value, value * 2)


async def scrape(prometheus: Prometheus, stage: Stage) -> None:
    """Not waiting inside `scrape`: the page needs this loop to answer."""
    prometheus.scrape([f"127.0.0.1:{stage.page.port}"], wait=False)
    await until(lambda: prometheus.value("sum(up)") == 1, 30)


async def test_figures_are_scraped_as_they_are_whatever_their_text(
    prometheus: Prometheus, stage: Stage
) -> None:
    stage.figures = [figure(text, float(number)) for number, text in enumerate(HOSTILE)]
    await scrape(prometheus, stage)
    await until(lambda: len(prometheus.query("planwatch_kpi_value")) == len(HOSTILE), 30)
    values = {
        item["metric"]["region"]: float(item["value"][1]) for item in prometheus.query("planwatch_kpi_value")
    }
    for number in (0, 1, 5, 7):
        assert values[HOSTILE[number]] == float(number)
    assert prometheus.query("evil") == []
    assert prometheus.value("sum(planwatch_kpi_expected)") == 2.0 * sum(range(len(HOSTILE)))
    assert prometheus.value('planwatch_tier{rule="down",level="region",region="East"}') == 1.0


async def test_figures_vanish_when_the_process_is_no_owner_any_more(
    prometheus: Prometheus, stage: Stage
) -> None:
    stage.figures = [figure("Vanishing", 1.0)]
    await scrape(prometheus, stage)
    query = 'planwatch_kpi_value{region="Vanishing"}'
    await until(lambda: prometheus.value(query) == 1.0, 30)
    stage.figures = None
    await until(lambda: prometheus.value(query) is None, 30)
    assert prometheus.value("sum(up)") == 1


@pytest.mark.parametrize("name", ["measure", "evaluate", "respond"])
def test_promtool_finds_nothing_wrong_with_any_stage(name: str, tmp_path: Path) -> None:
    telemetry = Telemetry(name)
    snapshot = Snapshot([figure("East", 1.0)], [("down", {}, "red", 0)], lambda _: 4, 1_790_000_040_000)
    deps = Deps(telemetry, Health(), lambda: snapshot, FakeSuccession())
    PrometheusExporter(Settings(data_dir=tmp_path), deps)
    telemetry.register("ledgers", LedgersCollector(list).collect)
    telemetry.register("incidents", IncidentsCollector(lambda: {"red": 1}).collect)
    for kind in HAPPENINGS:
        names = [field.name for field in fields(kind)]
        given = {name: 1 if name in (kind.amount, "again_s") else "x" for name in names}
        telemetry.tell(kind(**given))
    text = expose(telemetry.registry.collect(), "")[1]
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, capture_output=True, timeout=30, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
