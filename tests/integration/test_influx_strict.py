"""The whole way out over HTTP, against a server that is stricter than InfluxDB and fails on command."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.exporters.influx.exporter import InfluxExporter
from streams.exporters.influx.pauses import Pauses
from streams.exporters.influx.transport import InfluxTransport
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from tests.fakes_output import FakeSuccession, figure, line, output_settings, sample, until
from tests.servers.influx_strict import StrictInflux


@pytest.fixture
async def server() -> AsyncIterator[StrictInflux]:
    """The strict server."""
    async with StrictInflux() as strict:
        yield strict


def settings_for(server: StrictInflux, folder: Path, **influx: object) -> Settings:
    given: dict[str, object] = {
        "url": server.url,
        "token": server.token,
        "bucket": server.bucket,
        "lines": 50,
    }
    return output_settings(folder, **{**given, **influx})


def exporter_for(
    settings: Settings, health: Health, telemetry: Telemetry, timeout_s: float = 5.0
) -> InfluxExporter:
    transport = InfluxTransport(settings.influx, timeout_s)
    return InfluxExporter(
        settings, telemetry, health, FakeSuccession(), transport=transport, pauses=Pauses(first_s=0.01)
    )


async def bring(exporter: InfluxExporter, first: int, last: int) -> None:
    for number in range(first, last + 1):
        exporter.put([figure(number)], number)
    await until(lambda: exporter.depth == 0)


@pytest.mark.parametrize(
    "faults",
    [
        [(500, {}), (503, {})],
        [(429, {"Retry-After": "0"})],
        ["cut", "cut"],
        ["hang"],
        [(401, {})],
        [(404, {})],
        [(413, {})],
        [(307, {"Location": "http://127.0.0.1:1/"})],
        [(400, {})],
        [(500, {}), (413, {}), (429, {}), "cut", (401, {}), "hang", (400, {})],
    ],
    ids=["5xx", "429", "cut", "hang", "401", "404", "413", "redirect", "400", "all_of_them"],
)
async def test_every_point_arrives_after_a_server_that_failed(
    server: StrictInflux, tmp_path: Path, faults: list[tuple[int, dict[str, str]] | str]
) -> None:
    server.faults = list(faults)
    exporter = exporter_for(settings_for(server, tmp_path), Health(), Telemetry("evaluate"), timeout_s=0.3)
    await exporter.start()
    await bring(exporter, 1, 120)
    await exporter.stop()
    last = list(reversed(dict.fromkeys(reversed(server.lines))))
    assert last == [line(number) for number in range(1, 121)]
    assert server.faults == []


async def test_one_poisoned_point_is_left_out_alone(server: StrictInflux, tmp_path: Path) -> None:
    server.poison = "value=33.0 "
    telemetry = Telemetry("evaluate")
    exporter = exporter_for(settings_for(server, tmp_path), Health(), telemetry)
    await exporter.start()
    await bring(exporter, 1, 50)
    await exporter.stop()
    assert set(server.lines) == {line(number) for number in range(1, 51) if number != 33}
    refused = "planwatch_sink_refused_points_total"
    assert sample(telemetry, refused, sink="influx", reason="bad_line") == 1


async def test_server_with_a_small_limit_gets_small_batches(tmp_path: Path) -> None:
    async with StrictInflux(largest=2000) as server:
        exporter = exporter_for(settings_for(server, tmp_path), Health(), Telemetry("evaluate"))
        await exporter.start()
        await bring(exporter, 1, 50)
        before = server.requests.count(413)
        await bring(exporter, 51, 150)
        await exporter.stop()
        assert (len(set(server.lines)), server.requests.count(413)) == (150, before)


async def test_retry_after_is_waited_for(server: StrictInflux, tmp_path: Path) -> None:
    server.faults = [(429, {"Retry-After": "1"})]
    exporter = exporter_for(settings_for(server, tmp_path), Health(), Telemetry("evaluate"))
    await exporter.start()
    begun = time.monotonic()
    await bring(exporter, 1, 1)
    assert time.monotonic() - begun >= 1.0
    await exporter.stop()


async def test_wrong_token_is_said_and_mended_without_loss(server: StrictInflux, tmp_path: Path) -> None:
    health, right = Health(), server.token
    server.token = "another"
    exporter = exporter_for(settings_for(server, tmp_path, token=right), health, Telemetry("evaluate"))
    await exporter.start()
    exporter.put([figure(1)], 1)
    await until(lambda: health.reasons())
    (reason,) = health.reasons()
    assert "401: unauthorized access" in reason.text
    assert right not in reason.text
    server.token = right
    await until(lambda: not health.reasons())
    assert (server.lines, exporter.depth) == ([line(1)], 0)
    await exporter.stop()


async def test_putting_is_never_slowed_by_a_dead_server(tmp_path: Path) -> None:
    async with StrictInflux() as gone:
        settings = settings_for(gone, tmp_path)
    exporter = exporter_for(settings, Health(), Telemetry("evaluate"))
    await exporter.start()
    slowest = 0.0
    for number in range(200):
        begun = time.perf_counter()
        exporter.put([figure(number) for _ in range(50)], number)
        slowest = max(slowest, time.perf_counter() - begun)
        await asyncio.sleep(0)
    assert slowest < 1.0
    await until(lambda: exporter.safe_version() == 199)
    await exporter.stop(0.1)
