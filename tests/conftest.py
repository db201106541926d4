"""Fixtures that every tier may use.

A server that is not installed fails the test that asks for it; it never skips it. Servers of the session
are shared: a test takes names of its own (`topic_prefix`) or empties what it uses.
"""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Each server's module is imported by its fixture, so that a unit test pays for none of them.
if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.servers.alertmanager import Alertmanager
    from tests.servers.influx import Influx
    from tests.servers.kafka import KafkaCluster
    from tests.servers.prometheus import Prometheus
    from tests.servers.smtp import Smtp
    from tests.servers.tansu import Tansu

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each test the marker of its folder, so that no file need repeat it."""
    for item in items:
        tier = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        if tier in ("integration", "faults", "bench"):
            item.add_marker(tier)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real sample data that lies beside the repository and is never copied into it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.fail(f"the sample data is missing: its folder belongs at {folder} (beside the repository)")
    return folder


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of topics, groups and application ids that no other test has."""
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def kafka() -> "Iterator[KafkaCluster]":
    """A Kafka of one node, for the session. Do not kill it; take `kafka3` for that."""
    from tests.servers.kafka import KafkaCluster

    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def kafka3() -> "Iterator[KafkaCluster]":
    """A Kafka of three nodes, for the module, to be killed and paused; leave all three running."""
    from tests.servers.kafka import KafkaCluster

    with KafkaCluster(brokers=3) as cluster:
        yield cluster


@pytest.fixture
def tansu() -> "Iterator[Tansu]":
    """The embedded broker, new and empty for each test."""
    from tests.servers.tansu import Tansu

    with Tansu() as broker:
        yield broker


@pytest.fixture(scope="session")
def influx_server() -> "Iterator[Influx]":
    """The InfluxDB that `influx` empties for each test."""
    from tests.servers.influx import Influx

    with Influx() as server:
        yield server


@pytest.fixture
def influx(influx_server: "Influx") -> "Influx":
    """An InfluxDB with an empty bucket."""
    influx_server.clear()
    return influx_server


@pytest.fixture(scope="session")
def prometheus() -> "Iterator[Prometheus]":
    """A Prometheus; `scrape` replaces what it scrapes."""
    from tests.servers.prometheus import Prometheus

    with Prometheus() as server:
        yield server


@pytest.fixture
def alertmanager() -> "Iterator[Alertmanager]":
    """An Alertmanager without alerts."""
    from tests.servers.alertmanager import Alertmanager

    with Alertmanager() as server:
        yield server


@pytest.fixture
async def browser() -> "AsyncIterator[Browser]":
    """A headless Chromium (playwright's async API)."""
    from tests.servers.chromium import open_browser

    async with open_browser() as chromium:
        yield chromium


@pytest.fixture
def smtp() -> "Iterator[Smtp]":
    """A mail server that keeps what it is sent."""
    from tests.servers.smtp import Smtp

    with Smtp() as server:
        yield server
