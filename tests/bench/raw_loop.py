"""The raw loop: what cannot be done without, as a process of its own.

It fetches, validates the same events as one list a poll and partition, and adds to one number for each. No
dedupe, no windows, no state that survives, no acknowledgement. What Planwatch does is measured as a part of
this, over the same topics, on the same machine, in the same run.

There are two. `models` validates with the event models themselves, which is what anybody would write first.
`fields` validates typed dictionaries made of them, which is the fastest way known, and the one that measure
goes: beside it one sees what Planwatch adds.

    python -m tests.bench.raw_loop models|fields BOOTSTRAP EVENTS TOPIC…
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from typing import Annotated, Any, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import Field, TypeAdapter

from schemas.events import KINDS, Event
from streams.catalogue import default_folder, load_catalogue
from streams.engine.measure_types import adapter, terms_of
from streams.settings import MeasureSettings
from tests.bench.events import PARTITIONS
from tests.bench.figures import Run
from tests.bench.installation import Loaded
from tests.servers.planwatch import REPOSITORY

Key = tuple[str, str | None]
_BATCH = MeasureSettings().batch
Way = Literal["models", "fields"]
_POLL_MS = 500


def of_fields() -> TypeAdapter[Any]:
    """Typed dictionaries of every kind, for the default catalogue."""
    return adapter(tuple(KINDS), terms_of(load_catalogue(default_folder())), many=True)


def of_models() -> TypeAdapter[Any]:
    """The models of every kind, told apart by `kind`."""
    kinds = iter(KINDS.values())
    union: Any = next(kinds).model
    for kind in kinds:
        union = union | kind.model
    return TypeAdapter(list[Annotated[union, Field(discriminator="kind")]])


async def loop(way: str, bootstrap: str, wanted: int, topics: list[str]) -> Run:
    """Read so many events of the topics from their beginning, and say what it took."""
    read_all, tally = (of_models(), _tally_models) if way == "models" else (of_fields(), _tally_fields)
    totals: Counter[Key] = Counter()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
    begun, used, count = time.perf_counter(), time.process_time(), 0
    while count < wanted:
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
        for records in polled.values():
            events = read_all.validate_json(b"[" + b",".join(record.value for record in records) + b"]")
            tally(events, totals)
            count += len(events)
    run = Run(count, time.perf_counter() - begun, time.process_time() - used)
    assert sum(totals.values()) == wanted
    await consumer.stop()
    return run


def _tally_models(events: list[Event], totals: dict[Key, int]) -> None:
    for event in events:
        totals[event.kind, event.dimensions.get("region")] += 1


def _tally_fields(events: list[dict[str, Any]], totals: dict[Key, int]) -> None:
    for event in events:
        totals[event["kind"], event["dimensions"].get("region")] += 1


def raw_loop(loaded: Loaded, way: Way = "models") -> Run:
    """Run the loop in a process of its own."""
    about = (way, loaded.installation.kafka.bootstrap, str(loaded.events), *loaded.topics)
    command = [sys.executable, "-m", "tests.bench.raw_loop", *about]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    return Run(*json.loads(done.stdout))


if __name__ == "__main__":
    found = asyncio.run(loop(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
    sys.stdout.write(json.dumps(found))
