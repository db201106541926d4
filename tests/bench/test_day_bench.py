"""Whether memory is flat over a simulated day: the stages are looked at after each hour of events."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.bench.cpu import memory_mb
from tests.bench.events import FEW, Made, mixed
from tests.bench.figures import Figures
from tests.bench.installation import fill, installed, now_ms
from tests.bench.sizes import DAY_HOURS
from tests.bench.worker_run import wait_acknowledged
from tests.servers.installation import Installation
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import Stage
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(3600)
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
PER_SECOND = 14
AN_HOUR = PER_SECOND * 3600
#: the index of ids is full within the first hour: what grows after is not the index, which has its own figure
DEDUPE_ENTRIES = AN_HOUR // 12
MOST_MB = 16.0


class Day:
    """A day into the topics, an hour at a time."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._hour_ms = now_ms() - (DAY_HOURS + 1) * HOUR_MS
        self._events: Iterator[Made] = mixed((DAY_HOURS + 1) * AN_HOUR, FEW, self._hour_ms, PER_SECOND)
        self._sent: Counter[tuple[str, int]] = Counter()

    def hour(self, stages: dict[str, Stage]) -> dict[str, float]:
        """Send the next hour; gives the megabytes of each stage once all of it is counted and judged."""
        self._sent.update(fill(self._installation, islice(self._events, AN_HOUR)).sent)
        self._hour_ms += HOUR_MS
        wait_acknowledged(self._installation, self._sent, [stages["measure"]])
        wait_until(lambda: self._is_judged(stages["evaluate"]), "the hour is judged", 120, pause_s=0.2)
        return {name: memory_mb(stage.pid) for name, stage in stages.items()}

    def _is_judged(self, evaluate: Stage) -> bool:
        return (evaluate.json("/status")["frontier_ms"] or 0) >= self._hour_ms - 2 * MINUTE_MS


def test_stages_stay_as_large_over_a_day(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, figures: Figures
) -> None:
    settings = {"MEASURE__DEDUPE_ENTRIES": DEDUPE_ENTRIES}
    with (
        installed(kafka, topic_prefix, tmp_path, **settings) as installation,
        installation.stages() as stages,
    ):
        day = Day(installation)
        hours = [day.hour(stages) for _ in range(DAY_HOURS + 1)]
    for name in stages:
        title = f"memory over {DAY_HOURS} simulated hours: {name}"
        memory = [hour[name] for hour in hours]
        figures.add(f"{title}, after the first hour", [memory[0]], "MB")
        figures.add(f"{title}, at most", [max(memory)], "MB")
        figures.add(f"{title}, grown after the first hour", [memory[-1] - memory[0]], "MB", below=MOST_MB)
