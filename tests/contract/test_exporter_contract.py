"""Every exporter of the registry: switched by settings, written down, never blocking, harmless, discreet."""

import importlib
import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from streams.engine.figures import Figure
from streams.exporters import Deps, ExporterKind, Exporters, exporter_kinds, make_exporters
from streams.settings import InfluxSettings, Settings
from streams.telemetry import Health, Telemetry
from streams.telemetry.metrics import expose
from tests.fakes_output import FakeSuccession

KINDS = sorted(exporter_kinds().values(), key=lambda kind: kind.name)
TOKEN = "s3cret:t0ken"
#: nothing listens there: a sink that is down must change nothing for who puts
EVERYTHING_ON = {"url": "http://127.0.0.1:9", "token": TOKEN, "linger_s": 0.01}

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def settings_for(folder: Path) -> Settings:
    return Settings(data_dir=folder, influx=InfluxSettings.model_validate(EVERYTHING_ON))


def deps() -> Deps:
    return Deps(Telemetry("evaluate", process=False), Health(), lambda: None, FakeSuccession())


def figures(*texts: str) -> Sequence[Figure]:
    return [Figure("revenue", "1h", "region", (("region", text),), 60_000, 2.5, 3.5) for text in texts]


def test_both_sinks_of_the_design_are_there() -> None:
    assert [kind.name for kind in KINDS] == ["influx", "prometheus"]


def test_sink_without_its_setting_is_off(tmp_path: Path) -> None:
    assert [member.name for member in make_exporters(Settings(data_dir=tmp_path), deps()).members] == [
        "prometheus"
    ]


@each_kind
def test_exporter_says_how_it_delivers(kind: ExporterKind) -> None:
    module = importlib.import_module(f"streams.exporters.{kind.name}")
    assert "\n\nDelivery: " in (module.__doc__ or "")


@each_kind
def test_figure_is_rendered_with_value_expectation_and_dimension(kind: ExporterKind) -> None:
    text = kind.render(figures("East"))
    assert all(word in text for word in ("revenue", "1h", "East", "2.5", "3.5"))


@each_kind
@pytest.mark.parametrize(
    "text",
    ["a\nb", 'a"b', "a\\", "a,b=c d", "\x00", "\x1b[31m", "\ud800", "", "x" * 10_000, "}\nevil 1"],
    ids=ascii,
)
def test_hostile_text_makes_no_line_of_its_own(kind: ExporterKind, text: str) -> None:
    plain, hostile = kind.render(figures("East")), kind.render(figures(text[:9000]))
    hostile.encode()
    assert len(hostile.split("\n")) == len(plain.split("\n"))
    assert len(hostile) < 3000
    assert not re.search(r"^evil", hostile, re.MULTILINE)


@each_kind
async def test_put_returns_at_once_and_a_dead_sink_holds_no_version_back(
    kind: ExporterKind, tmp_path: Path
) -> None:
    exporter = kind.make(settings_for(tmp_path), deps())
    assert exporter.safe_version() == -1
    await exporter.start()
    begun = time.perf_counter()
    for version in range(200):
        exporter.put(figures("East", "West") * 10, version)
    assert time.perf_counter() - begun < 1.0
    await exporter.settle(199)
    await exporter.pace()
    assert exporter.safe_version() >= 199
    exporter.put([], 250)
    assert exporter.safe_version() == 250
    await exporter.stop(0.01)


@each_kind
async def test_status_can_be_shown_and_tells_no_secret(kind: ExporterKind, tmp_path: Path) -> None:
    given = deps()
    exporter = kind.make(settings_for(tmp_path), given)
    await exporter.start()
    exporter.put(figures("East"), 1)
    await exporter.settle(1)
    shown = f"{exporter.status()} {exporter!r} {given.health.as_json()}"
    shown += expose(given.telemetry.registry.collect(), "")[1].decode()
    assert TOKEN not in shown
    assert "t0ken" not in shown
    await exporter.stop(0.01)


async def test_all_together_are_as_far_as_the_slowest(tmp_path: Path) -> None:
    exporters = make_exporters(settings_for(tmp_path), deps())
    await exporters.start()
    exporters.put(figures("East"), 5)
    exporters.put_transitions([], lambda _: 0, 5)
    await exporters.pace()
    assert exporters.safe_version() == 4
    await exporters.settle(5)
    assert exporters.safe_version() == 5
    assert set(exporters.status()) == {"influx", "prometheus"}
    await exporters.stop(0.01)
    assert Exporters([]).safe_version() > 10**15
