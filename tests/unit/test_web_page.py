"""The page of a stage: status codes, content types, only the configured host, nothing logged of a path."""

import logging
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from schemas.errors import PlanwatchError
from streams.telemetry import Health, Telemetry
from streams.web import StagePage

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def broken() -> object:
    raise RuntimeError("secret detail")


@pytest.fixture
async def page() -> AsyncIterator[StagePage]:
    """A page on a free port, with its own health."""
    stage = StagePage(
        "127.0.0.1",
        0,
        Telemetry("evaluate"),
        health=Health(["recovering"]),
        status=lambda: {"frontier": "八"},
    )
    stage.add_json("/incidents", lambda: {"incidents": ["\ud800", float("inf")]})
    stage.add_json("/broken", broken)
    await stage.start()
    yield stage
    await stage.stop()


@pytest.fixture
async def client(page: StagePage) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that speaks to the page."""
    async with aiohttp.ClientSession(page.address) as session:
        yield session


async def test_metrics_come_as_text_and_as_openmetrics_when_asked(client: aiohttp.ClientSession) -> None:
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "process_cpu_seconds_total" in await answer.text()
    async with client.get("/metrics", headers={"Accept": OPENMETRICS}) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        text = await answer.text()
    assert text.endswith("# EOF\n")
    assert "_created" not in text


async def test_ready_is_503_with_reasons_until_the_last_blocking_one_is_gone() -> None:
    health = Health(["recovering"])
    stage = StagePage("127.0.0.1", 0, Telemetry("evaluate", process=False), health=health)
    await stage.start()
    async with aiohttp.ClientSession(stage.address) as client:
        async with client.get("/-/ready") as answer:
            assert answer.status == 503
            assert await answer.json() == {
                "ready": False,
                "reasons": {"recovering": "recovering"},
                "warnings": {},
            }
        health.clear("recovering")
        health.warn("influx_unreachable", "InfluxDB does not answer")
        async with client.get("/-/ready") as answer:
            assert answer.status == 200
            assert (await answer.json())["warnings"] == {"influx_unreachable": "InfluxDB does not answer"}
    await stage.stop()


async def test_healthy_status_and_added_routes_answer(client: aiohttp.ClientSession) -> None:
    async with client.get("/-/healthy") as answer:
        assert (answer.status, await answer.text()) == (200, "Planwatch is running.\n")
    async with client.get("/status") as answer:
        assert await answer.json() == {"frontier": "八"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with client.get("/incidents") as answer:
        assert answer.status == 200
        assert "incidents" in await answer.text()


async def test_source_that_raises_gives_500_without_its_words(
    client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with client.get("/broken") as answer:
        assert answer.status == 500
        assert await answer.json() == {"error": "RuntimeError"}
    assert "page_failed" in caplog.text
    async with client.get("/status") as answer:
        assert answer.status == 200


async def test_page_changes_nothing_and_knows_no_other_path(client: aiohttp.ClientSession) -> None:
    async with client.post("/status", data=b"x") as answer:
        assert answer.status == 405
    async with client.get("/../etc/passwd") as answer:
        assert answer.status == 404


async def test_request_is_not_logged(client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with client.get("/%1b%5b31mhostile") as answer:
            assert answer.status == 404
    assert "hostile" not in caplog.text


async def test_port_that_is_taken_is_refused_with_the_setting_that_mends_it(page: StagePage) -> None:
    second = StagePage("127.0.0.1", page.port, Telemetry("evaluate", process=False), health=Health())
    with pytest.raises(PlanwatchError, match=rf"127\.0\.0\.1:{page.port} .*PLANWATCH_WEB__"):
        await second.start()


async def test_page_listens_on_its_host_only(page: StagePage) -> None:
    with socket.socket() as probe:
        probe.settimeout(1)
        assert probe.connect_ex(("127.0.0.2", page.port)) != 0
        assert page.address == f"http://127.0.0.1:{page.port}"


async def test_page_that_stopped_listens_no_more(page: StagePage) -> None:
    await page.stop()
    with socket.socket() as probe:
        probe.settimeout(1)
        assert probe.connect_ex(("127.0.0.1", page.port)) != 0
