"""What may have covered a newer value of a closed period is asked for again once it is written; no more."""

from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from schemas.records import ClosedPeriod
from streams.engine.figures import Figure
from streams.exporters.influx.backlog import Flight
from streams.exporters.influx.exporter import InfluxExporter
from streams.exporters.influx.overtaken import TOGETHER, Overtaken
from streams.exporters.influx.report import Report
from streams.exporters.influx.transport import Reply
from streams.telemetry import Health, Telemetry
from tests.fakes_output import WRITTEN, FakeInflux, FakeSuccession, exporter_of, output_settings, until

DAY = 86_400_000
DOWN = Reply(0, "ClientConnectorError: refused")
Start = Callable[..., Coroutine[Any, Any, InfluxExporter]]


def day(number: int) -> ClosedPeriod:
    return ClosedPeriod(kpi="orders", window="day", end_ms=number * DAY, scope={"region": "East"})


def put(exporter: InfluxExporter, *numbers: int) -> None:
    """The figure of each of these days, at its end."""
    for number in numbers:
        exporter.put(
            [Figure("orders", "day", "region", (("region", "East"),), number * DAY, 1.0, None)], number
        )


class Journal(FakeInflux):
    """A server that notes in the succession's journal what it has taken."""

    def __init__(self, journal: list[str]) -> None:
        super().__init__()
        self.journal = journal

    async def write(self, lines: list[str]) -> Reply:
        reply = await super().write(lines)
        if reply is WRITTEN:
            self.journal += [f"written {line.rpartition(' ')[2]}" for line in lines]
        return reply


class Bench:
    """A folder, a server and a succession; exporters that come and go on them."""

    def __init__(self, folder: Path) -> None:
        self.journal: list[str] = []
        self.server = Journal(self.journal)
        self.succession = FakeSuccession(journal=self.journal)
        self._folder = folder
        self._running: list[InfluxExporter] = []

    async def start(self, **influx: object) -> InfluxExporter:
        settings = output_settings(self._folder, **{"lines": 1, **influx})
        self._running.append(exporter_of(self.server, settings, succession=self.succession))
        await self._running[-1].start()
        return self._running[-1]

    async def stop(self, exporter: InfluxExporter) -> None:
        self._running.remove(exporter)
        await exporter.stop(0.1)

    async def end(self) -> None:
        for exporter in self._running:
            await exporter.stop(0.1)

    def said(self, number: int) -> list[str]:
        """What happened to a day, in order."""
        return [line.split()[0] for line in self.journal if line.endswith(f" {number * DAY}")]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench, at the end of which nothing runs."""
    made = Bench(tmp_path)
    yield made
    await made.end()


async def test_what_an_owner_writes_is_not_asked_for(bench: Bench) -> None:
    exporter = await bench.start()
    put(exporter, 1, 2)
    await exporter.settle(2)
    await until(lambda: exporter.status()["waiting"] == 0)
    assert (bench.said(1), bench.said(2)) == (["written"], ["written"])


async def test_what_an_owner_brings_from_its_disk_is_not_asked_for(bench: Bench) -> None:
    bench.server.answer = lambda _: DOWN
    exporter = await bench.start()
    put(exporter, 1, 2)
    await exporter.settle(2)
    bench.server.answer = lambda _: WRITTEN
    await until(lambda: exporter.status()["waiting"] == 0)
    assert (bench.said(1), bench.said(2)) == (["written"], ["written"])


@pytest.mark.parametrize("spill_mb", [0, 1])
async def test_what_is_written_by_who_may_have_a_successor_is_asked_for_afterwards(
    bench: Bench, spill_mb: int
) -> None:
    bench.succession.owner = False  # it fell asleep, and does not know yet
    exporter = await bench.start(spill_mb=spill_mb)
    put(exporter, 1)
    await until(lambda: exporter.status()["waiting"] == 0)
    assert bench.said(1)[-2:] == ["written", "asked"]
    bench.succession.owner = True
    put(exporter, 2)
    await until(lambda: exporter.status()["waiting"] == 0)
    assert bench.said(2) == ["written"]


@pytest.mark.parametrize("spill_mb", [0, 1])
async def test_what_waits_when_ownership_ends_is_asked_for_after_it_is_written(
    bench: Bench, spill_mb: int
) -> None:
    bench.server.gate.clear()
    exporter = await bench.start(spill_mb=spill_mb)
    put(exporter, 1)
    await until(lambda: bench.server.calls)
    put(exporter, 2)
    exporter.hand_over()  # one on its way, one that waits; and the process soon owns the partition again
    put(exporter, 3)
    bench.server.gate.set()
    await until(lambda: exporter.status()["waiting"] == 0)
    assert (bench.said(1)[-2:], bench.said(2)[-2:]) == (["written", "asked"],) * 2
    assert bench.said(3) == ["written"]


async def test_of_what_is_on_disk_only_what_was_there_when_ownership_ended_is_asked_for(bench: Bench) -> None:
    bench.server.answer = lambda _: DOWN
    exporter = await bench.start()
    put(exporter, 1)
    await exporter.settle(1)
    exporter.hand_over()
    put(exporter, 2)
    await exporter.settle(2)
    bench.server.answer = lambda _: WRITTEN
    await until(lambda: exporter.status()["waiting"] == 0)
    assert (bench.said(1), bench.said(2)) == (["written", "asked"], ["written"])


async def test_what_a_former_worker_left_on_disk_stays_until_it_could_be_asked_for(
    bench: Bench,
) -> None:
    bench.server.answer = lambda _: DOWN
    exporter = await bench.start()
    put(exporter, 1, 2)
    await exporter.settle(2)
    await bench.stop(exporter)

    bench.server.answer, bench.succession.failing = (lambda _: WRITTEN), True
    exporter = await bench.start()
    await until(lambda: bench.said(1) == ["written"])
    assert exporter.status()["on_disk"] == 2
    await bench.stop(exporter)

    bench.succession.failing = False
    exporter = await bench.start()
    await until(lambda: exporter.status()["on_disk"] == 0)
    assert bench.said(1) == ["written", "written", "asked"]
    assert bench.said(2) == ["written", "asked"]


async def test_what_cannot_be_proved_or_asked_for_is_on_disk_before_it_counts_as_safe(bench: Bench) -> None:
    bench.succession.failing = True
    exporter = await bench.start()
    put(exporter, 1)
    await until(lambda: exporter.safe_version() == 1)
    assert (bench.said(1)[0], exporter.status()["on_disk"]) == ("written", 1)
    put(exporter, 2)
    await exporter.settle(2)
    await bench.stop(exporter)  # as if it had been killed now

    bench.succession.failing = False
    exporter = await bench.start()
    await until(lambda: exporter.status()["waiting"] == 0)
    assert (bench.said(1)[-2:], bench.said(2)) == (["written", "asked"], ["written", "asked"])


async def test_what_could_not_be_proved_is_asked_for_also_by_who_is_the_owner_again(
    bench: Bench,
) -> None:
    bench.succession.owner = False
    exporter = await bench.start(lines=4)
    keep = exporter._store.keep

    async def kept(flight: Flight) -> bool:
        bench.succession.owner = True
        return await keep(flight)

    exporter._store.keep = kept  # type: ignore[method-assign]
    put(exporter, 1)
    await until(lambda: exporter.status()["waiting"] == 0)
    assert bench.said(1) == ["written", "written", "asked"]


async def test_what_is_brought_from_the_disk_by_who_may_have_a_successor_is_asked_for(bench: Bench) -> None:
    bench.server.answer = lambda _: DOWN
    exporter = await bench.start()
    put(exporter, 1)
    await exporter.settle(1)
    bench.succession.owner = False
    bench.server.answer = lambda _: WRITTEN
    await until(lambda: exporter.status()["waiting"] == 0)
    assert bench.said(1) == ["written", "asked"]


async def test_ownership_that_ends_while_the_disk_takes_points_makes_them_former(bench: Bench) -> None:
    bench.server.answer = lambda _: DOWN
    exporter = await bench.start()
    put(exporter, 1)
    spill = exporter._store._spill
    assert spill is not None
    append, handed = spill.append, []

    def slowly(lines: list[str]) -> int:
        handed.append(exporter.hand_over())
        return append(lines)

    spill.append = slowly  # type: ignore[method-assign]
    await exporter.settle(1)
    spill.append = append  # type: ignore[method-assign]
    bench.server.answer = lambda _: WRITTEN
    await until(lambda: exporter.status()["waiting"] == 0)
    assert handed
    assert bench.said(1) == ["written", "asked"]


async def test_periods_are_said_once_each_in_parts_of_bounded_size() -> None:
    succession = FakeSuccession()
    report = Report(Telemetry("evaluate", process=False), Health(), "http://127.0.0.1:1")
    overtaken = Overtaken(succession, report, 0.001)
    count = 2 * TOGETHER + 200
    ends = [*range(count, 0, -1), *range(1, count + 1)]
    lines = [f"kpi,kpi=orders,level=region,region=East,window=day value=1.0 {end * DAY}" for end in ends]
    await overtaken.tell(
        await overtaken.periods([*lines, 'tier,level=company,rule=r rank=3.0,tier="red" 60000'])
    )
    assert [len(part) for part in succession.parts] == [TOGETHER, TOGETHER, 200]
    assert succession.periods == [day(number) for number in range(1, count + 1)]
