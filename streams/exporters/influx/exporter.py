"""The queue in front of InfluxDB and the task that empties it.

Decides order (disk before memory, oldest first), when a batch goes (full, or lingered, or someone waits),
and when points go to disk (a failure, too long a wait, memory half full). Refuses to know what replies mean
(`delivery.py`) and what files look like (`spill.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from schemas.errors import ExportError
from schemas.records import Transition
from streams.engine.figures import Figure
from streams.exporters.base import Rank
from streams.exporters.influx.backlog import Backlog, Chunk, Flight
from streams.exporters.influx.delivery import SINK, Attempt, Delivery, Verdict
from streams.exporters.influx.lines import LineWriter, transition_lines
from streams.exporters.influx.pauses import Pauses
from streams.exporters.influx.report import Report
from streams.exporters.influx.spill import Spill
from streams.exporters.influx.transport import InfluxTransport, Transport
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from streams.telemetry.metrics import Metric, gauge_family

#: how long `settle` waits for the server before the points go to disk
PATIENCE_SECONDS = 2.0
#: between two tries to use a disk that failed, or a worker that broke
AGAIN_SECONDS = 1.0


class InfluxExporter:
    """Brings figures to InfluxDB; `put` returns at once whatever the server does.

    `transport` and `pauses` are ports. With no spill file (`spill_mb` 0) points wait in memory only, and
    `settle` gives up on a server that does not answer.
    """

    name = SINK

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        health: Health,
        *,
        transport: Transport | None = None,
        pauses: Pauses | None = None,
        patience_s: float = PATIENCE_SECONDS,
    ) -> None:
        influx = settings.influx
        self._linger_s = influx.linger_s
        self._patience_s = patience_s
        self._transport = transport or InfluxTransport(influx)
        self._pauses = pauses or Pauses()
        self._report = Report(telemetry, health, influx.url)
        self._delivery = Delivery(self._transport, telemetry, influx.lines)
        self._writer = LineWriter()
        self._backlog = Backlog(influx.queue)
        self._flight: Flight | None = None
        spill_bytes = influx.spill_mb * 1024 * 1024
        self._spill = Spill(settings.data_dir / "influx-spill", spill_bytes) if spill_bytes else None
        self._disk = asyncio.Lock()
        self._wake, self._go, self._half_full = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._landed = asyncio.Condition()
        self._waiting = 0
        self._tasks: list[asyncio.Task[None]] = []
        telemetry.register(SINK, self._families)

    # ---- what the stage calls ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Take over what a worker before left on disk, and begin. A disk that cannot be used is a warning."""
        if self._spill is not None:
            try:
                await asyncio.to_thread(self._spill.open)
            except ExportError as error:
                self._report.spill_failed(error)
                self._spill = None
            if self._on_disk:
                self._wake.set()
        await self._transport.open()
        self._tasks = [asyncio.create_task(self._keep(step)) for step in (self._send, self._guard)]

    async def stop(self, deadline_s: float = 5.0) -> None:
        """Write what memory holds until the deadline, put the rest on disk, close."""
        if self._tasks and not self._failing and not self._on_disk:
            await self._wait_safe(self._backlog.version, deadline_s)
        async with self._disk:  # what a thread does to the files cannot be cancelled: let it end
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if not await self._spill_all():
            left = len(self._flight.lines) if self._flight else 0
            self._report.dropped("stopped", left + self._backlog.points)
        await self._transport.close()
        if self._spill is not None:
            self._spill.close()

    def put(self, figures: Sequence[Figure], version: int) -> None:
        """Take the figures of this version; versions never fall. Returns at once, formats nothing."""
        self._take_in(Chunk(version, tuple(figures), ()))

    def put_transitions(self, transitions: Sequence[Transition], rank: Rank, version: int) -> None:
        """Take the changes of tier of this version."""
        self._take_in(Chunk(version, (), transition_lines(transitions, rank)))

    def safe_version(self) -> int:
        """Every point of this version or an older one is written or on disk."""
        return self._backlog.safe_version()

    async def settle(self, version: int) -> None:
        """Return when `safe_version()` ≥ `version`: the server has 2 s, then the disk takes the points."""
        if self.safe_version() >= version:
            return
        if self._failing or self._on_disk or not await self._wait_safe(version, self._patience_s):
            await self._spill_all()

    async def pace(self) -> None:
        """Wait, at most the patience, while a server that takes points is far behind."""
        if self._backlog.points > self._backlog.limit // 4 and not self._failing:
            await self._wait(lambda: self._backlog.points <= self._backlog.limit // 8, self._patience_s)

    @property
    def depth(self) -> int:
        """Points in memory and on disk."""
        flying = sum(chunk.points for chunk in self._flight.chunks) if self._flight else 0
        return self._backlog.points + flying + self._on_disk

    def status(self) -> dict[str, object]:
        """What waits where, and the last error while it lasts."""
        return {
            "waiting": self.depth,
            "on_disk": self._on_disk,
            "safe_version": self.safe_version(),
            "failures": self._pauses.failures,
            "error": self._report.last_error,
        }

    # ---- the way out -------------------------------------------------------------------------------------

    @property
    def _failing(self) -> bool:
        return self._pauses.failures > 0

    @property
    def _on_disk(self) -> int:
        return self._spill.points if self._spill is not None else 0

    def _take_in(self, chunk: Chunk) -> None:
        self._report.dropped("queue_full", self._backlog.put(chunk))
        if self._backlog.points:
            self._wake.set()
        if self._backlog.points >= self._delivery.most:
            self._go.set()
        if self._backlog.points > self._backlog.limit // 2:
            self._half_full.set()

    async def _send(self) -> None:
        await self._wake.wait()
        if self._spill is not None and self._on_disk:
            await self._replay(self._spill)
            return
        if not self._go.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._go.wait(), self._linger_s)
        async with self._disk:
            flight = None if self._on_disk else await self._depart()
        if flight is not None:
            await self._fly(flight)

    async def _depart(self) -> Flight | None:
        flight = self._backlog.take(self._delivery.most)
        if self._backlog.points < self._delivery.most and not (self._waiting and self._backlog.points):
            self._go.clear()
        if not flight.chunks:
            self._wake.clear()
            return None
        self._flight = flight
        await self._format(flight)
        return flight

    async def _fly(self, flight: Flight) -> None:
        attempt = await self._delivery.attempt(flight.lines)
        while attempt.rest:
            flight.lines = attempt.rest
            pause = self._failed(attempt)
            if flight.spilled or await self._spill_all():
                await asyncio.sleep(pause)
                return
            await asyncio.sleep(pause)
            attempt = await self._delivery.attempt(flight.lines)
        self._flight = None
        self._well()
        await self._land(flight)

    async def _replay(self, spill: Spill) -> None:
        async with self._disk:
            lines, mark = await asyncio.to_thread(spill.read, self._delivery.most)
            self._tell_lost(spill)
        while lines:
            attempt = await self._delivery.attempt(lines)
            lines = attempt.rest
            if lines:
                await asyncio.sleep(self._failed(attempt))
        if mark is not None:
            async with self._disk:
                await asyncio.to_thread(spill.forget, mark)
                self._tell_lost(spill)
            self._report.replayed(mark.lines)
            self._well()

    def _failed(self, attempt: Attempt) -> float:
        misconfigured = attempt.verdict is Verdict.MISCONFIGURED
        pause = self._pauses.after_failure(attempt.reply.after_s, misconfigured=misconfigured)
        self._report.failed(attempt.verdict, attempt.reply, self._pauses.failures, pause)
        return pause

    def _well(self) -> None:
        self._pauses.reset()
        self._report.well()
        if self._backlog.points <= self._backlog.limit // 2:
            self._report.roomy()

    # ---- the disk ----------------------------------------------------------------------------------------

    async def _guard(self) -> None:
        await self._half_full.wait()
        self._half_full.clear()
        if not await self._spill_all():
            await asyncio.sleep(AGAIN_SECONDS)

    async def _spill_all(self) -> bool:
        """All that waits in memory is on disk, in order; False if there is no disk or it does not take it."""
        if self._spill is None:
            return not self._backlog.points and self._flight is None
        async with self._disk:
            flight = self._flight
            if flight is not None and not await self._to_disk(self._spill, flight):
                return False
            for _ in range(self._backlog.points // self._delivery.most + 1):
                flight = self._backlog.take(self._delivery.most)
                if not flight.chunks:
                    break
                await self._format(flight)
                if not await self._to_disk(self._spill, flight):
                    self._backlog.give_back(flight)
                    return False
        return True

    async def _to_disk(self, spill: Spill, flight: Flight) -> bool:
        if flight.lines and not flight.spilled:
            try:
                self._report.dropped("spill_full", await asyncio.to_thread(spill.append, flight.lines))
            except OSError as error:
                self._report.spill_failed(error)
                return False
            self._report.spilled(len(flight.lines))
            self._wake.set()
        flight.spilled = True
        if flight is self._flight:
            self._flight = None
        await self._land(flight)
        return True

    def _tell_lost(self, spill: Spill) -> None:
        self._report.dropped("spill_damaged", spill.lost)
        spill.lost = 0

    # ---- waiting and formatting --------------------------------------------------------------------------

    async def _format(self, flight: Flight) -> None:
        """Formatting runs beside the loop; what cannot be a point is left out and counted."""
        lines, unwritable = await asyncio.to_thread(self._lines, flight.chunks)
        flight.lines = lines
        self._report.refused("not_a_number", unwritable, "the value is not a finite number")

    def _lines(self, chunks: Sequence[Chunk]) -> tuple[list[str], int]:
        lines: list[str] = []
        unwritable = 0
        for chunk in chunks:
            formatted = self._writer.figures(chunk.figures)
            lines += formatted.lines
            lines += chunk.lines
            unwritable += formatted.unwritable
        return lines, unwritable

    async def _land(self, flight: Flight) -> None:
        self._backlog.land(flight)
        async with self._landed:
            self._landed.notify_all()

    async def _wait_safe(self, version: int, seconds: float) -> bool:
        return await self._wait(lambda: self.safe_version() >= version, seconds)

    async def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        self._waiting += 1
        self._go.set()
        try:
            async with self._landed:
                await asyncio.wait_for(self._landed.wait_for(condition), seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def _keep(self, step: Callable[[], Awaitable[None]]) -> None:
        """A mistake of ours in one batch costs that batch, counted and logged, and never the exporter."""
        while True:
            try:
                await step()
            except Exception as error:
                flight, self._flight = self._flight, None
                if flight is not None:
                    self._report.refused("broken", len(flight.lines), str(error), error)
                    await self._land(flight)
                await asyncio.sleep(AGAIN_SECONDS)

    def _families(self) -> list[Metric]:
        points = gauge_family("planwatch_sink_waiting_points", "Points that wait, by place.")
        points.add_sample(points.name, {"sink": SINK, "place": "memory"}, float(self.depth - self._on_disk))
        points.add_sample(points.name, {"sink": SINK, "place": "disk"}, float(self._on_disk))
        size = gauge_family("planwatch_sink_spill_bytes", "Size of the spill file.")
        size.add_sample(size.name, {"sink": SINK}, float(self._spill.bytes if self._spill else 0))
        return [points, size]
