"""Points in a real InfluxDB 1.8 are what the figures were, whatever their text, whatever happens to it."""

import math
from pathlib import Path

import pytest

from schemas.records import Transition
from streams.engine.figures import Figure
from streams.exporters.base import label_value
from streams.exporters.influx.exporter import InfluxExporter
from streams.exporters.influx.pauses import Pauses
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from tests.fakes_output import FakeSuccession, figure, output_settings, sample, until
from tests.servers.influx import Influx

NOON = 1_700_000_000_000
HOSTILE = [
    "a,b",
    "a=b",
    "a b",
    'q"q',
    "back\\slash",
    "end\\",
    "\\,",
    "新\n行",
    "\x00",
    "",
    "=",
    "#x",
    "\u202e",
    "é" * 300,
]


def settings_for(influx: Influx, folder: Path, **given: object) -> Settings:
    server = {
        "url": influx.url,
        "token": influx.token,
        "bucket": influx.bucket,
        "org": influx.org,
        "lines": 5000,
    }
    return output_settings(folder, **{**server, **given})


def exporter_for(settings: Settings, health: Health, telemetry: Telemetry) -> InfluxExporter:
    return InfluxExporter(settings, telemetry, health, FakeSuccession(), pauses=Pauses(first_s=0.02))


def series(influx: Influx, statement: str) -> list[dict[str, object]]:
    (found,) = influx.influxql(statement)
    columns, rows = list(found["columns"]), list(found["values"])
    return [dict(zip(columns, row, strict=True)) for row in rows]


async def test_hostile_text_comes_back_as_one_tag_each(influx: Influx, tmp_path: Path) -> None:
    telemetry = Telemetry("evaluate")
    exporter = exporter_for(settings_for(influx, tmp_path), Health(), telemetry)
    await exporter.start()
    figures = [
        Figure("revenue", "1h", "region", (("region", text),), NOON, float(number), math.pi)
        for number, text in enumerate(HOSTILE)
    ]
    exporter.put(figures, 1)
    await exporter.settle(1)
    await exporter.stop()
    rows = series(influx, "select * from planwatch.live.kpi")
    back = {row["value"]: row["region"] for row in rows}
    plain = {
        n: text
        for n, text in enumerate(HOSTILE)
        if label_value(text) == text and text not in ("end\\", "\\,")
    }
    assert {n: back[float(n)] for n in plain} == plain
    assert len(set(back.values())) == len(HOSTILE)
    assert {row["expected"] for row in rows} == {math.pi}
    assert {row["level"] for row in rows} == {"region"}
    assert sample(telemetry, "planwatch_sink_refused_points_total", sink="influx", reason="bad_line") == 0


async def test_point_written_again_is_the_same_point(influx: Influx, tmp_path: Path) -> None:
    exporter = exporter_for(settings_for(influx, tmp_path), Health(), Telemetry("evaluate"))
    await exporter.start()
    for version, value in enumerate((1.0, 2.0, 3.5)):
        exporter.put([Figure("revenue", "day", "company", (), NOON, value, None)], version)
        await exporter.settle(version)
    exporter.put([Figure("revenue", "day", "company", (), NOON, value, None) for value in (9.0, 4.5)], 3)
    await exporter.settle(3)
    await exporter.stop()
    (row,) = series(influx, "select value from planwatch.live.kpi")
    assert row["value"] == 4.5


async def test_transitions_are_read_back_with_flux(influx: Influx, tmp_path: Path) -> None:
    exporter = exporter_for(settings_for(influx, tmp_path), Health(), Telemetry("evaluate"))
    await exporter.start()
    ladder = ["none", "blue", "yellow"]
    exporter.put_transitions([_transition("blue", 0), _transition("yellow", 1)], ladder.index, 1)
    await exporter.settle(1)
    await exporter.stop()
    rows = influx.flux(
        f'from(bucket: "{influx.bucket}") |> range(start: 0) |> filter(fn: (r) => r._measurement == "tier")'
        ' |> filter(fn: (r) => r._field == "rank") |> keep(columns: ["_time", "_value", "region", "rule"])'
    )
    assert sorted((row["_value"], row["region"], row["rule"]) for row in rows) == [
        ("1", "East", "down"),
        ("2", "East", "down"),
    ]


async def test_field_of_another_type_is_refused_alone(influx: Influx, tmp_path: Path) -> None:
    influx.write('kpi,kpi=odd,level=company,window=1h value="text" 1700000000000000000')
    telemetry = Telemetry("evaluate")
    exporter = exporter_for(settings_for(influx, tmp_path), Health(), telemetry)
    await exporter.start()
    exporter.put([Figure("odd", "1h", "company", (), NOON + 1000, 1.0, None)], 1)
    exporter.put([Figure("fine", "1h", "company", (), NOON + 86_400_000 * 30, 1.0, None)], 2)
    await exporter.settle(2)
    await exporter.stop()
    assert sample(telemetry, "planwatch_sink_refused_points_total", sink="influx", reason="bad_line") == 1
    assert len(series(influx, "select value from planwatch.live.kpi where kpi = 'fine'")) == 1


async def test_points_beyond_retention_are_counted_and_the_others_stored(
    influx: Influx, tmp_path: Path
) -> None:
    influx.influxql("CREATE RETENTION POLICY brief ON planwatch DURATION 1h REPLICATION 1")
    telemetry = Telemetry("evaluate")
    settings = settings_for(influx, tmp_path, bucket="planwatch/brief")
    exporter = exporter_for(settings, Health(), telemetry)
    await exporter.start()
    exporter.put([figure(number) for number in range(200)], 1)
    await exporter.settle(1)
    await exporter.stop()
    refused = "planwatch_sink_refused_points_total"
    assert sample(telemetry, refused, sink="influx", reason="beyond_retention") == 200


@pytest.mark.parametrize(
    ("given", "words"),
    [({"token": "planwatch:wrong"}, "401"), ({"bucket": "nowhere/live"}, "404")],
    ids=["token", "bucket"],
)
async def test_wrong_setting_is_a_reason_that_names_it_and_loses_nothing(
    influx: Influx, tmp_path: Path, given: dict[str, str], words: str
) -> None:
    health = Health()
    wrong = exporter_for(settings_for(influx, tmp_path, **given), health, Telemetry("evaluate"))
    await wrong.start()
    wrong.put([figure(number) for number in range(1, 41)], 1)
    await until(lambda: health.reasons())
    (reason,) = health.reasons()
    assert (reason.name, words in reason.text) == ("influx_refuses", True), reason.text
    await wrong.stop(0.1)
    right = exporter_for(settings_for(influx, tmp_path), Health(), Telemetry("evaluate"))
    await right.start()
    await until(lambda: right.depth == 0)
    await right.stop()
    assert len(series(influx, "select value from planwatch.live.kpi")) == 40


async def test_server_that_is_killed_and_comes_back_has_every_point(tmp_path: Path) -> None:
    with Influx() as influx:
        exporter = exporter_for(settings_for(influx, tmp_path), Health(), Telemetry("evaluate"))
        await exporter.start()
        for number in range(1, 301):
            exporter.put([figure(number)], number)
            if number == 100:
                await exporter.settle(100)
                influx.kill()
            if number == 200:
                await exporter.settle(200)
                assert exporter.safe_version() == 200
                influx.start()
        await until(lambda: exporter.depth == 0, 30)
        await exporter.stop()
        rows = series(influx, "select value from planwatch.live.kpi")
        assert [row["value"] for row in rows] == [float(number) for number in range(1, 301)]


def _transition(tier: str, seq: int) -> Transition:
    return Transition(
        rule="down",
        scope={"region": "East"},
        tier=tier,
        previous="none",
        cause="worse",
        end_ms=NOON,
        seq=seq,
        kpi="revenue",
        window="1h",
        value=1.0,
        expected=2.0,
        departure=0.5,
        threshold=0.9,
        since_ms=0,
        catalogue="c",
    )
