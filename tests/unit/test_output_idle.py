"""Nothing of the outputs polls: an idle stage's loop sleeps until somebody comes."""

import asyncio
import selectors
import subprocess
import sys
from pathlib import Path

import pytest

from streams.telemetry import Health, Telemetry
from streams.web import StagePage
from tests.fakes_output import FakeInflux, exporter_of, figure, output_settings

IDLE_SECONDS = 1.0
#: the test's own timer, and the loop's housekeeping around it
WAKE_UPS = 6


class CountingSelector(selectors.DefaultSelector):
    """Counts how often the loop wakes."""

    wake_ups = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.wake_ups += 1
        return super().select(timeout)


@pytest.mark.parametrize("used", [False, True], ids=["never_used", "after_use"])
def test_idle_outputs_do_not_wake_the_loop(tmp_path: Path, used: bool) -> None:
    selector = CountingSelector()

    async def idle() -> int:
        telemetry, health = Telemetry("evaluate"), Health()
        exporter = exporter_of(FakeInflux(), output_settings(tmp_path), health, telemetry)
        page = StagePage("127.0.0.1", 0, telemetry, health=health)
        await exporter.start()
        await page.start()
        if used:
            exporter.put([figure(number) for number in range(50)], 1)
            await exporter.settle(1)
            await asyncio.sleep(0.1)
        before = selector.wake_ups
        await asyncio.sleep(IDLE_SECONDS)
        woken = selector.wake_ups - before
        await page.stop()
        await exporter.stop()
        return woken

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        assert runner.run(idle()) <= WAKE_UPS


def test_outputs_start_no_thread_and_import_no_client_until_they_are_used() -> None:
    program = (
        "import sys, threading, streams.exporters, streams.web; streams.exporters.exporter_kinds();"
        "print(threading.active_count(), 'influxdb_client' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.split() == ["1", "False"]
