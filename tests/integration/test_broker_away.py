"""The only broker stands still, is killed, comes back: each stage goes on by itself or ends with its code.

None hangs; whoever starts what has ended loses and doubles nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.installation import BEGIN_MS, Installation, counts, month_of
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import Stage
from tests.servers.waiting import ServerError, http, wait_until

pytestmark = pytest.mark.timeout(240)
ORDERS = 400
#: seconds for one answer of the broker, and of work without progress
REQUEST_S, STALL_S = 4, 10
#: seconds in which a stage must have noticed
LIMIT_S = 30


@pytest.fixture
def broker() -> Iterator[KafkaCluster]:
    """A Kafka of one node that may be stopped."""
    with KafkaCluster() as cluster:
        yield cluster


def reasons(stage: Stage) -> str:
    """What /-/ready says while it answers 503."""
    try:
        http(f"{stage.url}/-/ready")
    except ConnectionError as error:
        return str(error)
    return ""


def has_noticed(stage: Stage) -> bool:
    """The stage is not ready for the broker's sake, or ended with one line and its code."""
    if stage.alive:
        return '"kafka"' in reasons(stage)
    assert stage.process is not None
    lines = [line for line in stage.output().splitlines() if line.startswith(f"planwatch {stage.name}: ")]
    assert stage.process.returncode in (4, 5), stage.output()
    assert "safe to start again" in lines[-1], lines
    return True


def goes_on(stages: dict[str, Stage], orders: int) -> None:
    """As systemd would: start what has ended, until all is counted; nobody hangs on the way."""

    def counted() -> bool:
        for stage in stages.values():
            if not stage.alive:
                has_noticed(stage)
                stage.launch()
        return month_of(stages["evaluate"], "orders") == orders

    wait_until(counted, f"{orders} orders are figures", 90)


def test_a_broker_that_stands_still_or_is_killed_loses_and_doubles_nothing(
    broker: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    settings = {"KAFKA__REQUEST_TIMEOUT_S": REQUEST_S, "KAFKA__STALL_S": STALL_S}
    installation = Installation(broker, topic_prefix, tmp_path, **settings)
    with installation.stages() as stages:
        installation.orders(ORDERS)
        installation.close_minutes(BEGIN_MS + 300_000)
        goes_on(stages, ORDERS)
        installation.producer.close()
        broker.pause(1)
        try:
            for stage in stages.values():
                wait_until(lambda stage=stage: has_noticed(stage), f"{stage.name} notices", LIMIT_S)
        except ServerError:
            broker.resume(1)
            raise
        broker.resume(1)
        installation.connect()
        first = installation.sent
        installation.orders(ORDERS, start_ms=BEGIN_MS + 600_000)
        installation.close_minutes(BEGIN_MS + 1_200_000)
        goes_on(stages, first + ORDERS)
        installation.producer.close()
        broker.kill(1)
        broker.restart(1)
        installation.connect()
        second = installation.sent
        installation.orders(ORDERS, start_ms=BEGIN_MS + 1_500_000)
        installation.close_minutes(BEGIN_MS + 2_400_000)
        goes_on(stages, second + ORDERS)
        total = wait_until(
            lambda: (found := counts(stages["measure"]))["received"] >= installation.sent and found, "all"
        )
        assert total["counted"] + total["duplicate"] == total["received"]
        assert total["counted"] == installation.sent
    installation.producer.close()
