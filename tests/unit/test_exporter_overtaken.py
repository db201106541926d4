"""What may have covered a newer value of a closed period is asked for again, and nothing else is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import StateError
from schemas.records import ClosedPeriod
from streams.engine.figures import Figure
from streams.exporters.influx.exporter import InfluxExporter
from streams.exporters.influx.overtaken import Doubt, Overtaken, Periods
from streams.exporters.influx.transport import Reply
from tests.fakes_output import Asked, FakeInflux, exporter_of, output_settings, until

DAY = 86_400_000
DOWN = Reply(0, "ClientConnectorError: refused")


def day(number: int, region: str = "East") -> ClosedPeriod:
    return ClosedPeriod(window="day", end_ms=number * DAY, scope={"region": region})


def day_line(number: int, region: str = "East") -> str:
    return f"kpi,kpi=orders,level=region,region={region},window=day value=1.0 {number * DAY}"


def put(exporter: InfluxExporter, *numbers: int) -> None:
    scope = (("region", "East"),)
    for number in numbers:
        exporter.put([Figure("orders", "day", "region", scope, number * DAY, 1.0, None)], number)


async def started(fake: FakeInflux, asked: Asked, folder: Path, **influx: object) -> InfluxExporter:
    exporter = exporter_of(fake, output_settings(folder, **influx), write_again=asked)
    await exporter.start()
    return exporter


async def test_what_an_owner_writes_is_not_asked_for_once_it_is_sure(tmp_path: Path) -> None:
    asked = Asked()
    exporter = await started(FakeInflux(), asked, tmp_path)
    put(exporter, 1)
    await exporter.settle(1)
    exporter.sure(exporter.landed())
    put(exporter, 2)
    await exporter.settle(2)
    await exporter.hand_over()
    assert asked.periods == [day(2)]
    await exporter.stop()
    assert asked.periods == [day(2)]


async def test_what_waits_when_ownership_ends_is_asked_for_after_it_is_written(tmp_path: Path) -> None:
    asked, fake = Asked(), FakeInflux()
    fake.gate.clear()
    exporter = await started(fake, asked, tmp_path, spill_mb=0)
    put(exporter, 1)
    await until(lambda: fake.calls)
    put(exporter, 2, 3)
    await exporter.hand_over()
    assert asked.periods == []
    put(exporter, 4)
    fake.gate.set()
    await until(lambda: len(fake.stored) == 4)
    await until(lambda: len(asked.periods) >= 3)
    exporter.sure(exporter.landed())
    assert {period.end_ms // DAY for period in asked.periods} >= {1, 2, 3}
    await exporter.stop()


async def test_what_a_former_worker_left_on_disk_is_asked_for_before_it_is_forgotten(tmp_path: Path) -> None:
    asked, fake = Asked(), FakeInflux(lambda _: DOWN)
    exporter = await started(fake, asked, tmp_path)
    put(exporter, 1, 2)
    await exporter.settle(2)
    await exporter.stop()
    assert asked.periods == []

    asked.failing = True
    fake = FakeInflux()
    exporter = await started(fake, asked, tmp_path)
    await until(lambda: fake.stored)
    assert exporter.status()["on_disk"] == 2
    await exporter.stop(0.0)

    asked = Asked()
    exporter = await started(fake, asked, tmp_path)
    await until(lambda: exporter.status()["on_disk"] == 0)
    assert asked.periods == [day(1), day(2)]
    put(exporter, 3)
    await exporter.settle(3)
    exporter.sure(exporter.landed())
    await exporter.hand_over()
    await exporter.stop()
    assert asked.periods == [day(1), day(2)]


async def test_what_is_on_disk_when_ownership_ends_is_asked_for_and_later_points_are_not(
    tmp_path: Path,
) -> None:
    asked, fake = Asked(), FakeInflux(lambda _: DOWN)
    exporter = await started(fake, asked, tmp_path)
    put(exporter, 1)
    await exporter.settle(1)
    await exporter.hand_over()
    put(exporter, 2)
    await exporter.settle(2)
    fake.answer = lambda _: Reply(204, "")
    await until(lambda: exporter.status()["waiting"] == 0)
    exporter.sure(exporter.landed())
    await exporter.hand_over()
    assert [period.end_ms // DAY for period in asked.periods][:1] == [1]
    await exporter.stop()


async def test_nothing_is_written_after_the_end_of_an_ownership_when_the_worker_stops(tmp_path: Path) -> None:
    asked, fake = Asked(), FakeInflux()
    exporter = await started(fake, asked, tmp_path, linger_s=60.0)
    put(exporter, 1)
    await exporter.hand_over()
    await exporter.stop()
    assert (fake.stored, asked.periods) == ([], [])
    later = await started(fake, asked, tmp_path)
    await until(lambda: later.status()["waiting"] == 0)
    assert asked.periods == [day(1)]
    await later.stop()


async def test_what_cannot_be_said_now_stays_due_in_parts_of_bounded_size() -> None:
    asked = Asked()
    overtaken = Overtaken(asked)
    overtaken.land([day_line(number) for number in range(1, 1201)], former=False)
    asked.failing = True
    overtaken.hand_over()
    with pytest.raises(StateError):
        await overtaken.tell()
    asked.failing = False
    sizes = []

    async def count(periods: list[ClosedPeriod]) -> None:
        sizes.append(len(periods))
        await asked(periods)

    overtaken._write_again = count
    await overtaken.tell()
    assert sizes == [500, 500, 200]
    assert asked.periods == [day(number) for number in range(1, 1201)]
    await overtaken.tell()
    assert len(asked.periods) == 1200


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 5), st.sampled_from("ABC")), max_size=4), max_size=8),
    st.integers(0, 9),
    st.integers(1, 6),
)
def test_doubt_forgets_nothing_that_is_not_sure(
    landings: list[list[tuple[int, str]]], sure: int, most: int
) -> None:
    doubt, periods = Doubt(most), Periods()
    for number, landing in enumerate(landings):
        doubt.land([day_line(at, region) for at, region in landing])
        if number + 1 == sure:
            doubt.sure(doubt.landed)
    doubt.give(periods)
    due = [one for landing in landings[sure if sure <= len(landings) else 0 :] for one in landing]
    wanted = {(at, region) for at, region in due}
    found = {(one.end_ms // DAY, (one.scope or {})["region"]) for one in periods.take()}
    assert found == wanted
    doubt.give(periods)
    assert not periods


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, *"ABCDEF"]))), st.integers(0, 5))
def test_periods_are_bounded_and_none_goes_missing(drawn: list[tuple[int, str | None]], most: int) -> None:
    periods = Periods(most)
    for number, region in drawn:
        scope = None if region is None else {"region": region}
        periods.put(ClosedPeriod(window="day", end_ms=number * DAY, scope=scope))
    assert bool(periods) == bool(drawn)
    taken = periods.take()
    assert sum(one.scope is not None for one in taken) <= most
    named = {(one.end_ms // DAY, None if one.scope is None else one.scope["region"]) for one in taken}
    assert len(named) == len(taken)
    for number, region in drawn:
        assert (number, None) in named or (number, region) in named
    assert not periods
