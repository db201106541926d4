"""A producer at a steady rate, as a process of its own: events that happen now, into all three topics.

Orders make up nearly all of them; reviews and mentions come along so that no source falls silent. Special
events are reviews of one star, each in a region that nothing else is in, so that each makes a transition that
can be told from all others.

    python -m tests.bench.steady_producer BOOTSTRAP PREFIX PER_S SECONDS SPECIALS_PER_S
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from schemas.events import KINDS
from tests.bench.events import FEW, PARTITIONS, Made
from tests.bench.loading import Loader, Place
from tests.servers.installation import Installation
from tests.servers.planwatch import REPOSITORY

_TICK_S = 0.05
SPECIAL = "special-"


class Now:
    """Events of this moment, each with a number of its own."""

    def __init__(self) -> None:
        self._numbers, self._specials = count(), count()
        self._places = [FEW.dimensions(number) for number in range(FEW.all)]

    def usual(self, wanted: int, now_ms: int) -> Iterator[Made]:
        """So many orders, and a few reviews and mentions among them."""
        for number in (next(self._numbers) for _ in range(wanted)):
            place = self._places[number // PARTITIONS * 7919 % FEW.all]
            if number % 50 < 2:
                fields: dict[str, Any] = {"kind": "review", "rating": 5}
            elif number % 50 < 3:
                fields = {"kind": "mention", "platform": "weibo", "polarity": 0.5}
            else:
                fields = {"kind": "order", "order_id": f"o{number}", "line": 1, "amount": 12.5}
                fields |= {"currency": "CNY", "quantity": 1}
            yield _made(f"n{number}", number // 50 if number % 50 < 3 else number, now_ms, place, fields)

    def special(self, wanted: int, now_ms: int) -> Iterator[Made]:
        """So many reviews of one star, each in a region of its own."""
        for number in (next(self._specials) for _ in range(wanted)):
            place = {**self._places[0], "region": f"{SPECIAL}{number}"}
            yield _made(f"s{number}", number, now_ms, place, {"kind": "review", "rating": 1})


def _made(name: str, turn: int, now_ms: int, place: dict[str, str], fields: dict[str, Any]) -> Made:
    event = {"event_id": name, "occurred_at": now_ms, "dimensions": place, **fields}
    return Made(KINDS[fields["kind"]].topic, turn % PARTITIONS, orjson.dumps(event))


async def produce(bootstrap: str, prefix: str, per_s: float, seconds: float, specials_per_s: float) -> Loader:
    """Send at this rate for so long; where it falls behind it catches up."""
    made, sent, special = Now(), 0, 0
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=256 << 10) as producer:
        loader, begun = Loader(producer, prefix), time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            now_ms = int(time.time() * 1000)
            due, specials = int(passed * per_s) - sent, int(passed * specials_per_s) - special
            for one in (*made.usual(due, now_ms), *made.special(specials, now_ms)):
                await loader.put(one, now_ms)
            sent, special = sent + due, special + specials
            await loader.send_all()
            await asyncio.sleep(max(0.0, _TICK_S - (time.monotonic() - begun - passed)))
        await loader.flush()
    return loader


class SteadyProducer:
    """The process; `sent` waits for its end and gives how many events each partition got."""

    def __init__(
        self, installation: Installation, per_s: float, seconds: float, specials_per_s: float = 0
    ) -> None:
        about = (installation.kafka.bootstrap, installation.prefix, per_s, seconds, specials_per_s)
        command = [sys.executable, "-m", "tests.bench.steady_producer", *map(str, about)]
        self._process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._process.poll() is None

    def sent(self) -> dict[Place, int]:
        """What it has sent, by topic and partition."""
        output, _ = self._process.communicate()
        assert self._process.returncode == 0
        return {(topic, partition): number for topic, partition, number in json.loads(output)}

    def stop(self) -> None:
        """End it, if it has not ended."""
        if self.running:
            self._process.kill()
            self._process.communicate()


if __name__ == "__main__":
    done = asyncio.run(produce(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])))
    sys.stdout.write(json.dumps([[*place, number] for place, number in done.sent.items()]))
