"""Stand-ins at the ports of the outputs: a transport that answers as it is told, figures, waiting."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from schemas.errors import StateError
from schemas.period import CALENDAR
from schemas.records import ClosedPeriod
from streams.engine.figures import Figure
from streams.exporters.influx.exporter import InfluxExporter
from streams.exporters.influx.pauses import Pauses
from streams.exporters.influx.transport import Reply
from streams.settings import InfluxSettings, Settings
from streams.telemetry import Health, Telemetry

WRITTEN = Reply(204, "")


class FakeInflux:
    """A transport whose `answer(lines)` decides; what it answered 2xx to is in `stored`, in order."""

    def __init__(self, answer: Callable[[list[str]], Reply] | None = None) -> None:
        self.answer = answer or (lambda _: WRITTEN)
        self.calls: list[list[str]] = []
        self.stored: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = False

    async def open(self) -> None:
        """Nothing to open."""

    async def write(self, lines: list[str]) -> Reply:
        self.calls.append(list(lines))
        await self.gate.wait()
        reply = self.answer(lines)
        if 200 <= reply.status < 300:
            self.stored += lines
        return reply

    async def close(self) -> None:
        self.closed = True


class FakeSuccession:
    """Owns or does not, keeps the periods that were asked for again, fails as long as it is told to.

    Calendar windows close at midnight in UTC. `journal`, if it is given, gets a line for each period.
    """

    def __init__(self, *, owner: bool = True, journal: list[str] | None = None) -> None:
        self.owner, self.failing = owner, False
        self.parts: list[Sequence[ClosedPeriod]] = []
        self._journal = journal

    @property
    def periods(self) -> list[ClosedPeriod]:
        return [period for part in self.parts for period in part]

    async def is_owner(self) -> bool:
        if self.failing:
            raise StateError("no broker")
        return self.owner

    async def write_again(self, periods: Sequence[ClosedPeriod]) -> None:
        if self.failing:
            raise StateError("no broker")
        self.parts.append(periods)
        if self._journal is not None:
            self._journal += [f"asked {period.end_ms}" for period in periods]

    def closing(self, end_ms: int) -> Sequence[str]:
        return () if end_ms % 86_400_000 else CALENDAR


def figure(number: int, region: str = "East", kpi: str = "revenue") -> Figure:
    """A figure that is told from others by its time and value."""
    return Figure(kpi, "1h", "region", (("region", region),), 60_000 * number, float(number), None)


def line(number: int) -> str:
    """The line that `figure(number)` is."""
    return f"kpi,kpi=revenue,level=region,region=East,window=1h value={float(number)} {60_000 * number}"


def output_settings(folder: Path, **influx: object) -> Settings:
    """Settings with a short linger and small limits; `influx` replaces single ones."""
    given: dict[str, object] = {"url": "http://127.0.0.1:1", "linger_s": 0.02, "lines": 4, "queue": 1000}
    return Settings(data_dir=folder, influx=InfluxSettings.model_validate({**given, "spill_mb": 1, **influx}))


def exporter_of(
    transport: FakeInflux,
    settings: Settings,
    health: Health | None = None,
    telemetry: Telemetry | None = None,
    patience_s: float = 0.2,
    succession: FakeSuccession | None = None,
) -> InfluxExporter:
    """An exporter on the fake, with pauses of a few milliseconds."""
    return InfluxExporter(
        settings,
        telemetry or Telemetry("evaluate", process=False),
        health or Health(),
        succession or FakeSuccession(),
        transport=transport,
        pauses=Pauses(first_s=0.004),
        patience_s=patience_s,
    )


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return when the condition is true; an AssertionError when it is not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so after {seconds} s"
        await asyncio.sleep(0.002)


def sample(telemetry: Telemetry, name: str, **labels: str) -> float:
    """The value of one sample of the registry; 0 where there is none."""
    return telemetry.registry.get_sample_value(name, labels) or 0.0
