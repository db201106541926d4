"""The exporter on a transport that does as it is told: in order, nothing lost, nothing that blocks."""

import asyncio
import errno
import time
from pathlib import Path

import pytest

from schemas.records import Transition
from streams.exporters.influx.exporter import InfluxExporter
from streams.exporters.influx.report import FAILURES_TO_WARN
from streams.exporters.influx.transport import Reply
from streams.telemetry import Health, Telemetry
from tests.fakes_output import WRITTEN, FakeInflux, exporter_of, figure, line, output_settings, sample, until

DOWN = Reply(0, "ClientConnectorError: refused")


def put(exporter: InfluxExporter, *numbers: int) -> None:
    for number in numbers:
        exporter.put([figure(number)], number)


def lines(first: int, last: int) -> list[str]:
    return [line(number) for number in range(first, last + 1)]


def once(stored: list[str]) -> list[str]:
    """Without repeats, each at its last place: what the series of the server hold in the end."""
    return list(reversed(dict.fromkeys(reversed(stored))))


async def test_full_batch_goes_at_once_and_a_small_one_after_its_linger(tmp_path: Path) -> None:
    fake = FakeInflux()
    exporter = exporter_of(fake, output_settings(tmp_path, linger_s=0.05))
    await exporter.start()
    put(exporter, 1, 2, 3, 4, 5)
    await until(lambda: len(fake.calls) == 1)
    assert fake.calls == [lines(1, 4)]
    await until(lambda: fake.stored == lines(1, 5))
    await exporter.stop()
    assert exporter.safe_version() == 5
    assert fake.closed


async def test_transitions_go_the_same_way(tmp_path: Path) -> None:
    fake = FakeInflux()
    exporter = exporter_of(fake, output_settings(tmp_path))
    await exporter.start()
    exporter.put_transitions([_transition()], lambda _: 3, 8)
    await exporter.settle(8)
    assert fake.stored == ['tier,level=company,rule=r rank=3.0,tier="red" 60000']
    await exporter.stop()


async def test_version_is_safe_only_when_written_and_settle_does_not_wait_for_the_linger(
    tmp_path: Path,
) -> None:
    fake = FakeInflux()
    exporter = exporter_of(fake, output_settings(tmp_path, linger_s=60.0))
    await exporter.start()
    put(exporter, 5)
    assert exporter.safe_version() == 4
    await exporter.settle(5)
    assert (exporter.safe_version(), fake.stored) == (5, lines(5, 5))
    await exporter.stop()


async def test_put_returns_at_once_while_the_server_hangs_and_settle_falls_back_to_disk(
    tmp_path: Path,
) -> None:
    fake = FakeInflux()
    fake.gate.clear()
    exporter = exporter_of(fake, output_settings(tmp_path))
    await exporter.start()
    put(exporter, 1)
    await until(lambda: fake.calls)
    begun = time.perf_counter()
    put(exporter, *range(2, 200))
    assert time.perf_counter() - begun < 1.0
    await exporter.settle(199)
    assert exporter.safe_version() == 199
    fake.gate.set()
    await until(lambda: exporter.depth == 0)
    assert once(fake.stored) == lines(1, 199)
    await exporter.stop()


async def test_server_that_is_down_holds_no_version_back(tmp_path: Path) -> None:
    fake = FakeInflux(lambda _: DOWN)
    exporter = exporter_of(fake, output_settings(tmp_path))
    await exporter.start()
    for number in range(1, 30):
        put(exporter, number)
        await asyncio.sleep(0.002)
    await until(lambda: exporter.safe_version() == 29)
    fake.answer = lambda _: WRITTEN
    await until(lambda: exporter.depth == 0)
    assert once(fake.stored) == lines(1, 29)
    await exporter.stop()


@pytest.mark.parametrize("status", [429, 500, 503, 0])
async def test_failure_is_tried_again_until_it_passes(tmp_path: Path, status: int) -> None:
    answers = [Reply(status, "busy")] * 3
    fake = FakeInflux(lambda _: answers.pop() if answers else WRITTEN)
    telemetry = Telemetry("evaluate", process=False)
    exporter = exporter_of(fake, output_settings(tmp_path), telemetry=telemetry)
    await exporter.start()
    put(exporter, 1, 2)
    await until(lambda: fake.stored)
    await until(lambda: exporter.depth == 0)
    assert once(fake.stored) == lines(1, 2)
    await exporter.stop()
    causes = {0: "no_answer", 429: "too_many_requests"}
    cause = causes.get(status, "server_error")
    assert sample(telemetry, "planwatch_sink_retries_total", sink="influx", cause=cause) == 3


async def test_restart_finds_what_was_spilled_and_sends_it_first(tmp_path: Path) -> None:
    down = exporter_of(FakeInflux(lambda _: DOWN), output_settings(tmp_path))
    await down.start()
    put(down, 1, 2, 3)
    await down.settle(3)
    put(down, 4)
    await down.stop(deadline_s=0.05)
    assert down.safe_version() == 4
    fake = FakeInflux()
    up = exporter_of(fake, output_settings(tmp_path))
    await up.start()
    put(up, 5)
    await until(lambda: up.depth == 0)
    assert fake.stored == lines(1, 5)
    await up.stop()


async def test_stop_writes_what_waits_and_spills_what_it_cannot(tmp_path: Path) -> None:
    fake = FakeInflux()
    exporter = exporter_of(fake, output_settings(tmp_path, linger_s=60.0))
    await exporter.start()
    put(exporter, *range(1, 11))
    await exporter.stop()
    assert fake.stored == lines(1, 10)
    fake.gate.clear()
    hanging = exporter_of(fake, output_settings(tmp_path))
    await hanging.start()
    put(hanging, 11, 12)
    begun = time.monotonic()
    await hanging.stop(deadline_s=0.05)
    assert time.monotonic() - begun < 2
    fake.gate.set()
    again = exporter_of(fake, output_settings(tmp_path))
    await again.start()
    await until(lambda: again.depth == 0)
    assert once(fake.stored) == lines(1, 12)
    await again.stop()


async def test_wrong_token_warns_at_once_keeps_every_point_and_recovers(tmp_path: Path) -> None:
    health, seen = Health(), []
    health.watch(lambda reason, on: seen.append((reason.name, on)))
    fake = FakeInflux(lambda _: Reply(401, "unauthorized access"))
    exporter = exporter_of(fake, output_settings(tmp_path), health)
    await exporter.start()
    put(exporter, 1, 2, 3)
    await until(lambda: seen)
    assert health.ready
    (text,) = [reason.text for reason in health.reasons()]
    assert "PLANWATCH_INFLUX__TOKEN" in text
    assert "401: unauthorized access" in text
    fake.answer = lambda _: WRITTEN
    await until(lambda: len(seen) == 2)
    assert (once(fake.stored), exporter.depth) == (lines(1, 3), 0)
    assert seen == [("influx_refuses", True), ("influx_refuses", False)]
    await exporter.stop()


async def test_people_hear_of_a_server_that_is_down_after_several_failures(tmp_path: Path) -> None:
    health = Health()
    fake = FakeInflux(lambda _: DOWN)
    exporter = exporter_of(fake, output_settings(tmp_path), health)
    await exporter.start()
    put(exporter, 1)
    await until(lambda: health.reasons())
    assert len(fake.calls) >= FAILURES_TO_WARN
    assert [reason.name for reason in health.reasons()] == ["influx_unreachable"]
    assert exporter.status()["error"] == "no answer: ClientConnectorError: refused"
    await exporter.stop()


async def test_without_a_file_memory_is_bounded_and_drops_its_oldest_counted(tmp_path: Path) -> None:
    telemetry, health = Telemetry("evaluate", process=False), Health()
    fake = FakeInflux(lambda _: DOWN)
    settings = output_settings(tmp_path, spill_mb=0, queue=10)
    exporter = exporter_of(fake, settings, health, telemetry)
    await exporter.start()
    put(exporter, 1)
    await until(lambda: fake.calls)
    put(exporter, *range(2, 32))
    assert sample(telemetry, "planwatch_sink_dropped_points_total", sink="influx", reason="queue_full") == 20
    drops = next(reason for reason in health.reasons() if reason.name == "influx_drops")
    assert (health.ready, health.current, drops.told) == (False, True, True)
    fake.answer = lambda _: WRITTEN
    await until(lambda: exporter.depth == 0 and not health.reasons())
    assert health.ready
    assert once(fake.stored) == [line(1), *lines(22, 31)]
    await exporter.stop()


async def test_disk_that_fails_leaves_points_in_memory_and_people_hear_of_it(tmp_path: Path) -> None:
    health = Health()
    fake = FakeInflux(lambda _: DOWN)
    exporter = exporter_of(fake, output_settings(tmp_path), health)
    await exporter.start()
    slot = tmp_path / "influx-spill" / "slot-0"
    (slot / "00000001.seg").mkdir()
    put(exporter, 1, 2)
    await until(lambda: "influx_spill_failed" in {reason.name for reason in health.reasons()})
    assert exporter.safe_version() == 0
    fake.answer = lambda _: WRITTEN
    await until(lambda: exporter.depth == 0)
    assert once(fake.stored) == lines(1, 2)
    await exporter.stop()


async def test_folder_that_cannot_be_used_is_a_warning_and_points_still_go(tmp_path: Path) -> None:
    (tmp_path / "influx-spill").write_text("in the way")
    health, fake = Health(), FakeInflux()
    exporter = exporter_of(fake, output_settings(tmp_path), health)
    await exporter.start()
    put(exporter, 1)
    await exporter.settle(1)
    assert (fake.stored, health.ready) == (lines(1, 1), True)
    assert [reason.name for reason in health.reasons()] == ["influx_spill_failed"]
    await exporter.stop()


async def test_settle_does_not_wait_for_a_server_that_is_known_to_be_down(tmp_path: Path) -> None:
    exporter = exporter_of(
        FakeInflux(lambda _: DOWN), output_settings(tmp_path, linger_s=30.0), patience_s=60.0
    )
    await exporter.start()
    put(exporter, 1, 2, 3, 4)
    await until(lambda: exporter.safe_version() == 4)
    put(exporter, 5)
    begun = time.monotonic()
    await exporter.settle(5)
    assert exporter.safe_version() == 5
    assert time.monotonic() - begun < 10
    await exporter.stop()


async def test_settle_that_is_cancelled_loses_no_point(tmp_path: Path) -> None:
    fake = FakeInflux(lambda _: DOWN)
    exporter = exporter_of(fake, output_settings(tmp_path))
    await exporter.start()
    put(exporter, *range(1, 100))
    for _ in range(20):
        waiting = asyncio.create_task(exporter.settle(99))
        await asyncio.sleep(0.001)
        waiting.cancel()
    await until(lambda: exporter.safe_version() == 99)
    fake.answer = lambda _: WRITTEN
    await until(lambda: exporter.depth == 0)
    assert once(fake.stored) == lines(1, 99)
    await exporter.stop()


async def test_mistake_of_our_own_costs_one_batch_and_not_the_exporter(tmp_path: Path) -> None:
    telemetry = Telemetry("evaluate", process=False)
    fake = FakeInflux(lambda _: (_ for _ in ()).throw(RuntimeError("ours")))
    exporter = exporter_of(fake, output_settings(tmp_path), telemetry=telemetry)
    await exporter.start()
    put(exporter, 1)
    await until(lambda: exporter.safe_version() == 1)
    fake.answer = lambda _: WRITTEN
    put(exporter, 2)
    await until(lambda: fake.stored == lines(2, 2))
    assert sample(telemetry, "planwatch_sink_refused_points_total", sink="influx", reason="broken") == 1
    await exporter.stop()


async def test_pace_waits_while_the_server_is_behind_and_not_when_it_is_down(tmp_path: Path) -> None:
    fake = FakeInflux()
    exporter = exporter_of(fake, output_settings(tmp_path, queue=40, spill_mb=0), patience_s=30.0)
    await exporter.start()
    put(exporter, *range(1, 30))
    await exporter.pace()
    assert len(fake.stored) >= 20
    fake.answer = lambda _: DOWN
    put(exporter, *range(30, 60))
    await until(lambda: exporter.status()["failures"] >= FAILURES_TO_WARN)
    begun = time.monotonic()
    await exporter.pace()
    assert time.monotonic() - begun < 10
    await exporter.stop(0.01)


async def test_pace_waits_for_the_server_where_the_disk_is_full_of_older_points(tmp_path: Path) -> None:
    fake = FakeInflux(lambda _: DOWN)
    exporter = exporter_of(fake, output_settings(tmp_path, queue=40), patience_s=30.0)
    await exporter.start()
    put(exporter, *range(1, 31))
    await until(lambda: exporter.status()["on_disk"] == 30)

    def take_one_batch(_: list[str]) -> Reply:
        fake.gate.clear()
        return WRITTEN

    fake.answer = take_one_batch
    await until(lambda: not exporter.status()["failures"])
    refused: list[int] = []
    exporter._store._spill.append = lambda ones: refused.append(len(ones)) or full_disk()
    put(exporter, *range(31, 61))
    pacing = asyncio.create_task(exporter.pace())
    await until(lambda: refused)
    await asyncio.sleep(0.01)
    assert not pacing.done()
    fake.answer = lambda _: WRITTEN
    fake.gate.set()
    await pacing
    assert exporter.status()["waiting"] <= 20
    await until(lambda: exporter.depth == 0)
    assert once(fake.stored) == lines(1, 60)
    await exporter.stop()


async def test_pace_waits_for_the_server_before_the_spill_file_drops_its_oldest(
    tmp_path: Path,
) -> None:
    fake = FakeInflux(lambda _: DOWN)
    telemetry = Telemetry("evaluate", process=False)
    exporter = exporter_of(fake, output_settings(tmp_path), telemetry=telemetry, patience_s=30.0)
    await exporter.start()
    spill = exporter._store._spill
    put(exporter, *range(1, 31))
    await until(lambda: exporter.status()["on_disk"] == 30)
    spill.limit = spill.bytes + 1
    await until(lambda: exporter.status()["failures"] >= FAILURES_TO_WARN)
    await exporter.pace()  # nobody waits for a server that is down
    assert exporter.status()["on_disk"] == 30
    fake.answer = lambda _: WRITTEN
    await until(lambda: not exporter.status()["failures"])
    await exporter.pace()
    assert spill.bytes <= spill.limit // 2
    await until(lambda: exporter.depth == 0)
    assert sample(telemetry, "planwatch_sink_dropped_points_total", sink="influx", reason="spill_full") == 0
    assert once(fake.stored) == lines(1, 30)
    await exporter.stop()


def full_disk() -> int:
    raise OSError(errno.ENOSPC, "no space left on device")


async def test_points_that_come_fast_while_the_server_is_down_go_to_disk_and_none_is_dropped(
    tmp_path: Path,
) -> None:
    fake = FakeInflux(lambda _: DOWN)
    telemetry = Telemetry("evaluate", process=False)
    exporter = exporter_of(fake, output_settings(tmp_path, queue=40, linger_s=60.0), Health(), telemetry)
    await exporter.start()
    put(exporter, *range(1, 10))
    await until(lambda: exporter.status()["failures"])
    for number in range(10, 400):
        put(exporter, number)
        await exporter.pace()
    assert sample(telemetry, "planwatch_sink_dropped_points_total", sink="influx", reason="queue_full") == 0
    assert exporter.status()["waiting"] == 399
    await exporter.stop(0.01)


async def test_secret_is_in_neither_status_nor_reasons_nor_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    health = Health()
    settings = output_settings(tmp_path, url="http://me:hunter22@127.0.0.1:1", token="planwatch:hunter22")
    said = "not you, Authorization: Token planwatch:hunter22"
    exporter = exporter_of(FakeInflux(lambda _: Reply(401, said)), settings, health)
    await exporter.start()
    put(exporter, 1)
    await until(lambda: health.reasons())
    fields = [str(getattr(record, "fields", "")) for record in caplog.records]
    told = f"{exporter.status()} {health.as_json()} {fields}"
    assert "hunter22" not in told
    await exporter.stop()


def _transition() -> Transition:
    return Transition(
        rule="r",
        scope={},
        tier="red",
        previous="orange",
        cause="worse",
        end_ms=60_000,
        kpi="k",
        window="1h",
        value=1.0,
        expected=2.0,
        departure=0.5,
        threshold=0.9,
        since_ms=0,
        catalogue="c",
    )
