"""A worker that does half of what comes: memory stays, lag is seen, nothing is lost, it catches up."""

import re
import time
from pathlib import Path
from statistics import mean

import pytest

from tests.bench.cpu import memory_mb
from tests.bench.figures import Figures
from tests.bench.installation import installed
from tests.bench.progress import Progress
from tests.bench.sizes import BACKPRESSURE_S
from tests.bench.steady_producer import SteadyProducer
from tests.bench.throttle import Throttle
from tests.bench.worker_run import wait_acknowledged
from tests.servers.installation import counts
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import Stage
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(3600)
PRODUCED_PER_S, COUNTED_PER_S = 20_000, 10_000
#: the index of ids is full early, so that what grows after is a queue and not the index
DEDUPE_ENTRIES = 20_000
MOST_MB = 64.0
#: its metrics know the end of the topic from the last fetch, and what a fetch brings lasts a slow worker long
MOST_BEHIND_S = 15.0
_LAG = re.compile(r"^planwatch_source_lag_events\{.*\} ([\d.e+]+)$", re.MULTILINE)


class Watched:
    """What was seen of a worker while it was throttled, second by second."""

    def __init__(self, stage: Stage, progress: Progress) -> None:
        self._stage, self._progress = stage, progress
        self.memory: list[float] = []
        self.shown = self.lag = 0

    def until_ended(self, producer: SteadyProducer) -> None:
        """Look until the producer has ended."""
        wait_until(lambda: not self.look(producer), "the producer ends", BACKPRESSURE_S + 120, pause_s=0.5)

    def look(self, producer: SteadyProducer) -> bool:
        """One look; gives whether the producer still runs."""
        self.memory.append(memory_mb(self._stage.pid))
        self.shown = sum(int(float(found)) for found in _LAG.findall(self._stage.text("/metrics")))
        self.lag = self._progress.there() - self._progress.acknowledged()
        return producer.running

    def growth_mb(self) -> float:
        """Memory at the end less that after the first third, each the mean of some looks."""
        third = len(self.memory) // 3
        few = max(1, third // 4)
        return mean(self.memory[-few:]) - mean(self.memory[third : third + few])


def test_backpressure_is_a_lag_and_no_memory(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, figures: Figures
) -> None:
    settings = {"MEASURE__DEDUPE_ENTRIES": DEDUPE_ENTRIES}
    with (
        installed(kafka, topic_prefix, tmp_path, **settings) as installation,
        Progress(installation) as progress,
        installation.stages("measure") as stages,
    ):
        stage = stages["measure"]
        producer = SteadyProducer(installation, PRODUCED_PER_S, BACKPRESSURE_S)
        watched, begun = Watched(stage, progress), time.monotonic()
        try:
            with Throttle(stage, COUNTED_PER_S, progress.acknowledged):
                watched.until_ended(producer)
                throttled, took = progress.acknowledged(), time.monotonic() - begun
            sent, freed = producer.sent(), time.monotonic()
        finally:
            producer.stop()
        wait_acknowledged(installation, sent, [stage])
        caught_up = time.monotonic() - freed
        counted = sum(counts(stage, name)["counted"] for name in ("sales.v1", "feedback.v1", "sentiment.v1"))
    all_sent = sum(sent.values())
    title = "backpressure"
    figures.add(f"{title}: events a second that came", [all_sent / BACKPRESSURE_S], "events/s")
    figures.add(f"{title}: events a second that the throttle let through", [throttled / took], "events/s")
    figures.add(f"{title}: memory at most", [max(watched.memory)], "MB")
    figures.add(f"{title}: memory grown while the lag did", [watched.growth_mb()], "MB", below=MOST_MB)
    figures.add(f"{title}: lag when it was freed", [watched.lag], "events")
    behind_s = (watched.lag - watched.shown) / PRODUCED_PER_S
    figures.add(f"{title}: lag in its metrics", [watched.shown], "events", at_least=1)
    figures.add(f"{title}: how old that lag is", [behind_s], "s", below=MOST_BEHIND_S)
    figures.add(f"{title}: seconds to catch up when freed", [caught_up], "s")
    figures.add(f"{title}: events lost", [all_sent - counted], "events", below=1)
