"""How long a standby takes to go on after the owner of a million cells is killed, on a real Kafka.

`tests/run bench -k takeover` measures a million cells; PLANWATCH_BENCH_CELLS asks for fewer or more. The
promise is the session timeout and five seconds up to a million cells, and 400,000 cells a second beyond.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tests.bench.figures import Figures
from tests.bench.sizes import CELLS
from tests.servers.installation import BEGIN_MS, Installation, counts, order
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import Stage
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(1800)
#: an hour each, all cells lie within the disorder, so that measure holds every one of them
HOURS, DISORDER_H = 200, 399
LEAVES = max(1, CELLS // HOURS)
SESSION_S = 3.0
MINUTE = 60_000


def allowed_s(cells: int) -> float:
    """Seconds until the next owner goes on."""
    return SESSION_S + max(5.0, cells / 400_000)


@pytest.fixture
def installation(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    """One source partition, a small catalogue with room for all leaves, minutes that stay open for long."""
    settings = {"KAFKA__PARTITIONS": 1, "KAFKA__SESSION_TIMEOUT_S": SESSION_S}
    made = Installation(kafka, topic_prefix, tmp_path, **settings)
    made.rewrite({"disorder": f"{DISORDER_H}h", "keep_minutes": "400h", "keep_hours": "40d"})
    for folder, kept in (("kpis", ("orders", "one_star_reviews")), ("rules", ("one_star_review",))):
        for path in (made.catalogue / folder).glob("*.yaml"):
            if path.stem not in kept:
                path.unlink()
    dimensions = (made.catalogue / "dimensions.yaml").read_text("utf-8")
    made.write("dimensions.yaml", dimensions.replace("limit: 50", "limit: 5000"))
    yield made
    made.producer.close()


async def fill(installation: Installation) -> None:
    """One order for each cell: a leaf after the other, then the same an hour later."""
    producer = AIOKafkaProducer(bootstrap_servers=installation.kafka.bootstrap, max_batch_size=4 << 20)
    await producer.start()
    topic = installation.topic("sales.v1")
    for first in range(0, CELLS, 10_000):
        batch = producer.create_batch()
        for number in range(first, min(first + 10_000, CELLS)):
            event = order(number, BEGIN_MS + number // LEAVES * 60 * MINUTE)
            leaf = number % LEAVES
            event["dimensions"] = {"region": f"r{leaf // 20}", "channel": f"c{leaf % 20}"}
            assert batch.append(key=None, value=orjson.dumps(event), timestamp=None) is not None
        await producer.send_batch(batch, topic, partition=0)
    await producer.stop()
    installation.sent = CELLS


def pair(stage: str, installation: Installation) -> tuple[Stage, Stage]:
    return Stage(stage, installation.env).start(), Stage(stage, installation.env).start()


def takeover(
    pair: Sequence[Stage], holds: Callable[[Stage], bool], moves: Callable[[Stage], bool], figures: Figures
) -> None:
    """Kill the owner; write down how long until the standby is ready, holds what it held, and moves on."""
    one, other = pair
    owner, standby = (one, other) if holds(one) else (other, one)
    assert holds(owner)
    assert not holds(standby)
    begun = time.monotonic()
    owner.kill()
    wait_until(lambda: holds(standby) and standby.ready(), f"the other {owner.name} has taken over", 300)
    held_s = time.monotonic() - begun
    wait_until(lambda: moves(standby), f"the other {owner.name} moves on", 300)
    title = f"takeover of {owner.name} with {CELLS:,} cells, session timeout {SESSION_S:g} s"
    figures.add(f"{title}: ready", [held_s], "s", below=allowed_s(CELLS))
    figures.add(f"{title}: moving", [time.monotonic() - begun], "s")


async def test_a_standby_goes_on_in_time_with_a_million_cells(
    installation: Installation, figures: Figures
) -> None:
    measures, evaluates = pair("measure", installation), pair("evaluate", installation)
    try:
        await fill(installation)

        def counted(stage: Stage) -> bool:
            return counts(stage).get("counted", 0) >= CELLS

        def one_more(stage: Stage) -> bool:
            installation.orders(1, start_ms=BEGIN_MS)
            installation.producer.flush()
            return counts(stage).get("counted", 0) > CELLS

        wait_until(lambda: any(map(counted, measures)), "all cells are counted", 600)
        takeover(measures, counted, one_more, figures)
        (heir,) = (stage for stage in measures if stage.alive)
        found = counts(heir)
        assert found["received"] == found["counted"], f"not every event counts once: {found}"
        measures = tuple(stage for stage in measures if stage.alive) + tuple(
            stage.start() for stage in measures if not stage.alive
        )
        last_ms = BEGIN_MS + CELLS // LEAVES * 60 * MINUTE
        installation.close_minutes(last_ms + 401 * 60 * MINUTE)

        def judged(stage: Stage) -> bool:
            status = stage.json("/status")
            return not status["standby"] and (status["frontier_ms"] or 0) >= last_ms

        def further(stage: Stage) -> bool:
            installation.close_minutes(last_ms + 402 * 60 * MINUTE)
            return bool(stage.json("/status")["frontier_ms"] >= last_ms + 30 * MINUTE)

        wait_until(lambda: any(map(judged, evaluates)), "all cells are judged", 900)
        wait_until(lambda: all_committed(evaluates), "and committed", 120)
        takeover(evaluates, judged, further, figures)
    finally:
        for stage in (*measures, *evaluates):
            stage.stop()


def all_committed(stages: Sequence[Stage]) -> bool:
    """The owner's state is written as far as it has folded."""
    found = [stage.json("/status") for stage in stages]
    return any(not one["standby"] and one["committed"] == one["version"] for one in found)
