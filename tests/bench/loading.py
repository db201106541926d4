"""Filling topics at more than 100,000 events a second: whole batches, made before they are sent."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.bench.events import Made

_BATCH_BYTES = 256 << 10
Place = tuple[str, int]


class Loader:
    """Batches for one installation's topics; `sent` counts what was handed over, by topic and partition."""

    def __init__(self, producer: AIOKafkaProducer, prefix: str) -> None:
        self._producer, self._prefix = producer, prefix
        self._batches: dict[Place, Any] = {}
        self.sent: Counter[Place] = Counter()

    async def put(self, made: Made, timestamp_ms: int | None = None) -> None:
        """Add one event to its batch; a full batch is sent."""
        place = (f"{self._prefix}.{made.topic}", made.partition)
        batch = self._batches.get(place)
        if batch is None or batch.append(key=None, value=made.value, timestamp=timestamp_ms) is None:
            await self._send(place)
            batch = self._batches[place] = self._producer.create_batch()
            assert batch.append(key=None, value=made.value, timestamp=timestamp_ms) is not None
        self.sent[place] += 1

    async def _send(self, place: Place) -> None:
        batch = self._batches.pop(place, None)
        if batch is not None:
            batch.close()
            await self._producer.send_batch(batch, place[0], partition=place[1])

    async def send_all(self) -> None:
        """Send what is begun."""
        for place in list(self._batches):
            await self._send(place)

    async def flush(self) -> None:
        """Send what is begun, and return when the broker has everything."""
        await self.send_all()
        await self._producer.flush()


async def load(bootstrap: str, prefix: str, events: Iterable[Made]) -> Mapping[Place, int]:
    """Send the events; gives how many each partition got."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=_BATCH_BYTES) as producer:
        loader = Loader(producer, prefix)
        for made in events:
            await loader.put(made)
        await loader.flush()
    return loader.sent
