"""Two measure workers against one over the same topic: what sharing costs, and what it gains."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.conftest import AS_SHIPPED
from tests.bench.events import FEW, begin_ms, orders
from tests.bench.figures import Figures, Run, in_turns, ratios
from tests.bench.installation import fill, installed, now_ms
from tests.bench.sizes import EVENTS, RUNS
from tests.bench.worker_run import count_anew, plain_measure
from tests.servers.kafka import KafkaCluster
from tests.servers.kafka_node import SHIPPED

pytestmark = pytest.mark.timeout(7200)
#: as brokers ship: who joins meanwhile is in the first sharing out, so that both workers begin together
_SETTINGS = {"group.initial.rebalance.delay.ms": "3000"}
_LEAST_SHARE = 0.25


@pytest.fixture(scope="module")
def patient_kafka() -> Iterator[KafkaCluster]:
    """A Kafka that waits a moment before it shares out the partitions of a new group."""
    with KafkaCluster(settings=AS_SHIPPED | _SETTINGS, jvm=SHIPPED) as cluster:
        yield cluster


def test_two_workers_count_nearly_twice_as_fast(
    patient_kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, figures: Figures
) -> None:
    with installed(patient_kafka, topic_prefix, tmp_path) as installation:
        loaded = fill(installation, orders(EVENTS, FEW, begin_ms(EVENTS, now_ms())))

        def workers(number: int) -> Run:
            found = count_anew(loaded, measure=[plain_measure] * number, beside=())
            assert min(found.shares) > _LEAST_SHARE, f"the work was not shared: {found.shares}"
            return found.measure

        one, two = in_turns(RUNS, lambda: workers(1), lambda: workers(2))
    figures.rates("one measure worker", one)
    figures.rates("two measure workers", two)
    figures.add(
        "two workers by one, events a CPU second", ratios(two, one, lambda run: run.per_cpu_s), at_least=0.85
    )
    figures.add("two workers by one, on the wall", ratios(two, one, lambda run: run.per_s), at_least=1.3)
