"""What the bench's tests share: the figures of the session, and that a missed one fails its test."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.figures import Figures
from tests.bench.report import table, write_json
from tests.bench.sizes import JSON_FILE
from tests.servers.kafka import KafkaCluster
from tests.servers.kafka_node import SHIPPED

#: what tests let a broker do more often than it does as it ships
AS_SHIPPED = {"log.cleaner.backoff.ms": "15000", "log.retention.check.interval.ms": "300000"}
_KEPT = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no figures."""
    config.stash[_KEPT] = Figures()


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaCluster]:
    """A Kafka of one node, run as its own start script runs it: it has a part in what is measured."""
    with KafkaCluster(settings=AS_SHIPPED, jvm=SHIPPED) as cluster:
        yield cluster


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Figures:
    """The figures of the session; what a test adds and misses fails it when it has run to its end."""
    return pytestconfig.stash.setdefault(_KEPT, Figures())


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail a test whose figures are missed, once all of them are written down."""
    found = pyfuncitem.config.stash.setdefault(_KEPT, Figures())
    before = len(found.all)
    result = yield
    if missed := found.missed(since=before):
        pytest.fail("missed: " + "; ".join(figure.name for figure in missed), pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table and write the JSON, where anything was measured."""
    found = config.stash.get(_KEPT, Figures())
    if not found.all and not found.shares:
        return
    path = Path(JSON_FILE)
    write_json(found, path)
    terminalreporter.section("bench")
    for line in table(found):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"\nwritten to {path}")
