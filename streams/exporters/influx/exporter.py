"""The task that brings points to InfluxDB, and what the stage calls.

Decides when a batch goes (full, or lingered, or someone waits), how failures are waited out, and when points
go to disk: after a failure, too long a wait, or with memory half full. Refuses to know what replies mean
(`delivery.py`) and where points are (`store.py`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from schemas.records import Transition
from streams.engine.figures import Figure
from streams.exporters.base import Rank, Succession
from streams.exporters.influx.backlog import Chunk, Flight
from streams.exporters.influx.delivery import SINK, Attempt, Delivery, Verdict
from streams.exporters.influx.lines import transition_lines
from streams.exporters.influx.overtaken import Overtaken
from streams.exporters.influx.pauses import Pauses
from streams.exporters.influx.report import FAILURES_TO_WARN, Report
from streams.exporters.influx.store import Store
from streams.exporters.influx.transport import InfluxTransport, Transport
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from streams.telemetry.metrics import Metric, gauge_family

#: how long `settle` waits for the server before the points go to disk
PATIENCE_SECONDS = 2.0
#: how long `pace` waits at most, for a server that is slow
PACE_SECONDS = 30.0
#: between two tries to use a disk that failed, or after a mistake of our own
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
        succession: Succession,
        *,
        transport: Transport | None = None,
        pauses: Pauses | None = None,
        patience_s: float = PATIENCE_SECONDS,
    ) -> None:
        influx = settings.influx
        self._linger_s = influx.linger_s
        self._patience_s = patience_s
        self._limit = influx.queue
        self._transport = transport or InfluxTransport(influx)
        self._pauses = pauses or Pauses()
        self._report = Report(telemetry, health, influx.url)
        self._delivery = Delivery(self._transport, telemetry, influx.lines)
        self._store = Store(
            self._report,
            settings.data_dir / "influx-spill",
            queue=influx.queue,
            spill_bytes=influx.spill_mb * 1024 * 1024,
        )
        self._overtaken = Overtaken(succession, self._report, AGAIN_SECONDS)
        self._wake, self._go, self._to_disk = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._waiters = 0
        self._tasks: list[asyncio.Task[None]] = []
        telemetry.register(SINK, self._families)

    async def start(self) -> None:
        """Take over what a worker before left on disk, and begin."""
        await self._store.open()
        if self._store.on_disk:
            self._wake.set()
        await self._transport.open()
        self._tasks = [asyncio.create_task(self._keep(step)) for step in (self._send, self._guard)]

    async def stop(self, deadline_s: float = 5.0) -> None:
        """Write what memory holds until the deadline, put the rest on disk, close."""
        if self._tasks and not self._stuck:
            await self._wait_safe(self._store.version, deadline_s)
        await self._store.at_rest(self._cancel)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._store.spill(self._delivery.most)
        self._store.close()
        await self._transport.close()

    def put(self, figures: Sequence[Figure], version: int) -> None:
        """Take the figures of this version; versions never fall. Returns at once, formats nothing."""
        self._take_in(Chunk(version, tuple(figures), ()))

    def put_transitions(self, transitions: Sequence[Transition], rank: Rank, version: int) -> None:
        """Take the changes of tier of this version."""
        self._take_in(Chunk(version, (), transition_lines(transitions, rank)))

    def safe_version(self) -> int:
        """Every point of this version or an older one is written or on disk; −1 before any."""
        return self._store.safe_version

    def hand_over(self) -> None:
        """Ownership has ended: what waits now is of a former owner when it is written."""
        self._store.hand_over()

    async def settle(self, version: int) -> None:
        """Return when `safe_version()` ≥ `version`: the server has 2 s, then the disk takes the points."""
        if self.safe_version() >= version:
            return
        if self._stuck or not await self._wait_safe(version, self._patience_s):
            # who waits may be cancelled; points on their way to disk must not be
            await asyncio.shield(self._store.spill(self._delivery.most))

    async def pace(self) -> None:
        """Wait while much waits: for a server that takes points, at most the patience; else for the disk.

        Where little room is left there too, whoever makes points faster than the server takes them waits for
        it as long as it takes some. A server that is down is not waited for.
        """
        if self._store.waiting <= self._limit // 4 and not self._store.disk_is_filling:
            return
        if not self._stuck:
            await self._store.wait(self._has_room, self._patience_s)
        # memory must not be full before the guard has lingered; see `settle` for the shield
        elif await asyncio.shield(self._store.spill(self._delivery.most)):
            await self._wait_for_server(lambda: not self._store.disk_is_filling)
        else:
            await self._wait_for_server(self._has_room)

    def _has_room(self) -> bool:
        return self._store.waiting <= self._limit // 8

    async def _wait_for_server(self, enough: Callable[[], bool]) -> None:
        end_s = time.monotonic() + PACE_SECONDS
        while not enough() and self._pauses.failures < FAILURES_TO_WARN and time.monotonic() < end_s:
            before = self.depth
            if not await self._store.wait(enough, self._patience_s) and self.depth >= before:
                return

    @property
    def depth(self) -> int:
        """Points that wait, in memory and on disk."""
        return self._store.in_memory + self._store.on_disk

    def status(self) -> dict[str, object]:
        """What waits where, and the last error while it lasts."""
        return {
            "waiting": self.depth,
            "on_disk": self._store.on_disk,
            "safe_version": self.safe_version(),
            "failures": self._pauses.failures,
            "error": self._report.last_error,
        }

    @property
    def _stuck(self) -> bool:
        """Memory would wait in vain: the server fails, or older points on disk come first."""
        return self._pauses.failures > 0 or self._store.on_disk > 0

    def _take_in(self, chunk: Chunk) -> None:
        self._store.put(chunk)
        waiting = self._store.waiting
        if waiting:
            self._wake.set()
        if waiting >= self._delivery.most:
            self._go.set()
        if waiting and (self._stuck or waiting > self._limit // 2):
            self._to_disk.set()

    async def _send(self) -> None:
        await self._wake.wait()
        if self._store.on_disk:
            await self._replay()
            return
        if not self._go.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._go.wait(), self._linger_s)
        flight = await self._store.depart(self._delivery.most)
        waiting = self._store.waiting
        if waiting < self._delivery.most and not (waiting and self._waiters):
            self._go.clear()
        if flight is not None:
            await self._fly(flight)
        elif not waiting and not self._store.on_disk:
            self._wake.clear()

    async def _fly(self, flight: Flight) -> None:
        """To the server, or to the disk; what may cover a successor's points goes to both, to be said."""
        lines = flight.lines
        if not await self._deliver(flight):
            return
        periods = await self._overtaken.periods(lines)
        if periods and (self._store.is_former(flight) or not await self._overtaken.is_owner()):
            if await self._store.keep(flight):
                self._wake.set()
                return
            await self._overtaken.tell(periods)
        await self._store.land(flight)

    async def _deliver(self, flight: Flight) -> bool:
        """Whether the server has all of it; otherwise it is on the disk."""
        impatience = asyncio.get_running_loop().call_later(self._patience_s, self._to_disk.set)
        try:
            attempt = await self._delivery.attempt(flight.lines)
        finally:
            impatience.cancel()
        while attempt.rest:
            pause = self._failed(attempt)
            on_disk = flight.spilled or await self._store.spill(self._delivery.most)
            await asyncio.sleep(pause)
            if on_disk:
                return False
            attempt = await self._delivery.attempt(attempt.rest)
        self._well()
        return not flight.spilled

    async def _replay(self) -> None:
        lines, mark = await self._store.oldest(self._delivery.most)
        rest = lines
        while rest:
            attempt = await self._delivery.attempt(rest)
            rest = attempt.rest
            if rest:
                await asyncio.sleep(self._failed(attempt))
        if mark is not None:
            periods = await self._overtaken.periods(lines)
            if periods and (self._store.is_former(mark) or not await self._overtaken.is_owner()):
                await self._overtaken.tell(periods)  # before it is forgotten: whoever dies here does it again
            await self._store.forget(mark)
            self._report.replayed(mark.lines)
            self._well()

    async def _guard(self) -> None:
        """Without it a server that is down would hold every version back: memory follows to disk."""
        await self._to_disk.wait()
        if self._stuck:
            await asyncio.sleep(self._linger_s)
        self._to_disk.clear()
        if not await self._store.spill(self._delivery.most):
            await asyncio.sleep(AGAIN_SECONDS)

    async def _keep(self, step: Callable[[], Awaitable[None]]) -> None:
        """A mistake of ours costs the batch on its way, counted and logged, never the exporter."""
        while True:
            try:
                await step()
            except Exception as error:
                await self._store.give_up(error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _wait_safe(self, version: int, seconds: float) -> bool:
        self._waiters += 1
        self._go.set()
        try:
            return await self._store.wait(lambda: self.safe_version() >= version, seconds)
        finally:
            self._waiters -= 1

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _failed(self, attempt: Attempt) -> float:
        misconfigured = attempt.verdict is Verdict.MISCONFIGURED
        pause = self._pauses.after_failure(attempt.reply.after_s, misconfigured=misconfigured)
        self._report.failed(attempt.verdict, attempt.reply, self._pauses.failures, pause)
        return pause

    def _well(self) -> None:
        self._pauses.reset()
        self._report.well()
        if self._store.waiting <= self._limit // 2:
            self._report.roomy()

    def _families(self) -> list[Metric]:
        points = gauge_family("planwatch_sink_waiting_points", "Points that wait for a sink, by place.")
        for place, count in (("memory", self._store.in_memory), ("disk", self._store.on_disk)):
            points.add_sample(points.name, {"sink": SINK, "place": place}, float(count))
        size = gauge_family("planwatch_sink_spill_bytes", "Size of the spill file of a sink.")
        size.add_sample(size.name, {"sink": SINK}, float(self._store.disk_bytes))
        return [points, size]
