"""Installations for the bench: as companies have them, with the settings that the product ships with."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from streams.settings import EvaluateSettings, KafkaSettings, MeasureSettings
from tests.bench.events import PARTITIONS, Made
from tests.bench.loading import Place, load
from tests.servers.installation import Installation
from tests.servers.kafka import KafkaCluster

#: the tests' installations have shorter waits; speed is measured with those that ship
SHIPPED = {
    "KAFKA__PARTITIONS": PARTITIONS,
    "KAFKA__SESSION_TIMEOUT_S": KafkaSettings().session_timeout_s,
    "KAFKA__HEARTBEAT_S": KafkaSettings().heartbeat_s,
    "MEASURE__FLUSH_MS": MeasureSettings().flush_ms,
    "EVALUATE__COMMIT_MS": EvaluateSettings().commit_ms,
}


class Loaded(NamedTuple):
    """An installation whose topics hold events, and how many each partition holds."""

    installation: Installation
    sent: Mapping[Place, int]

    @property
    def events(self) -> int:
        """How many events there are."""
        return sum(self.sent.values())

    @property
    def topics(self) -> list[str]:
        """The topics that hold any."""
        return sorted({topic for topic, _ in self.sent})


@contextmanager
def installed(kafka: KafkaCluster, prefix: str, folder: Path, **settings: object) -> Iterator[Installation]:
    """An installation with the default catalogue as `planwatch init` writes it."""
    made = Installation(kafka, prefix, folder, **{**SHIPPED, **settings})
    try:
        yield made
    finally:
        made.producer.close()


def fill(installation: Installation, events: "Iterator[Made]") -> Loaded:
    """Send the events to the installation's topics."""
    return Loaded(installation, asyncio.run(load(installation.kafka.bootstrap, installation.prefix, events)))


def now_ms() -> int:
    """The wall clock, which event time of the bench ends at."""
    return int(time.time() * 1000)
