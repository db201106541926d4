"""Points change places from memory to disk and never their order."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.exporters.influx.backlog import Chunk
from streams.exporters.influx.report import Report
from streams.exporters.influx.store import Store
from streams.telemetry import Health, Telemetry
from tests.fakes_output import figure, line


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store with a spill file, open."""
    report = Report(Telemetry("evaluate", process=False), Health(), "http://127.0.0.1:1")
    opened = Store(report, tmp_path, queue=100, spill_bytes=1 << 20)
    await opened.open()
    yield opened
    opened.close()


def put(store: Store, *numbers: int) -> None:
    for number in numbers:
        store.put(Chunk(number, (figure(number),), ()))


async def test_nothing_departs_from_memory_while_the_disk_has_older_points(store: Store) -> None:
    put(store, 1, 2)
    assert await store.spill(10)
    put(store, 3)
    assert await store.depart(10) is None
    lines, mark = await store.oldest(10)
    assert (lines, store.safe_version) == ([line(1), line(2)], 2)
    assert mark is not None
    await store.forget(mark)
    flight = await store.depart(10)
    assert flight is not None
    assert flight.lines == [line(3)]


async def test_what_is_on_its_way_goes_to_disk_before_what_waits(store: Store) -> None:
    put(store, 1, 2, 3)
    flight = await store.depart(2)
    assert flight is not None
    assert (store.in_memory, store.waiting, store.safe_version) == (3, 1, 0)
    assert await store.spill(10)
    assert flight.spilled
    assert (store.in_memory, store.on_disk, store.safe_version) == (0, 3, 3)
    assert (await store.oldest(10))[0] == [line(1), line(2), line(3)]


async def test_landing_twice_changes_nothing(store: Store) -> None:
    put(store, 1)
    flight = await store.depart(1)
    assert flight is not None
    await store.land(flight)
    await store.land(flight)
    assert (store.in_memory, store.safe_version) == (0, 1)
