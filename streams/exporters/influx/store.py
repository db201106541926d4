"""The points that are not yet written, wherever they are: in memory, on their way, on disk; in one order.

Decides how points move from memory to disk without ever changing places, and when a version is safe. What is
on disk is older than what is on its way, and that is older than what is in memory. Refuses to send.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from schemas.errors import ExportError
from streams.exporters.influx.backlog import Backlog, Chunk, Flight
from streams.exporters.influx.lines import LineWriter
from streams.exporters.influx.report import Report
from streams.exporters.influx.spill import Mark, Spill


class Store:
    """Memory of at most `queue` points and a spill file of at most `spill_bytes` (0: none)."""

    def __init__(self, report: Report, folder: Path, *, queue: int, spill_bytes: int) -> None:
        self._report = report
        self._backlog = Backlog(queue)
        self._spill = Spill(folder, spill_bytes) if spill_bytes else None
        self._writer = LineWriter()
        self._flight: Flight | None = None
        self._disk = asyncio.Lock()
        self._landed = asyncio.Condition()

    @property
    def waiting(self) -> int:
        """Points in memory that are not on their way."""
        return self._backlog.points

    @property
    def in_memory(self) -> int:
        """Points in memory, on their way or not."""
        return self._backlog.points + self._backlog.flying

    @property
    def on_disk(self) -> int:
        """Points in the spill file."""
        return self._spill.points if self._spill is not None else 0

    @property
    def disk_bytes(self) -> int:
        """Size of the spill file."""
        return self._spill.bytes if self._spill is not None else 0

    @property
    def disk_is_filling(self) -> bool:
        """More than half of what the spill file may have is taken."""
        return self._spill is not None and self._spill.bytes > self._spill.limit // 2

    @property
    def version(self) -> int:
        """The highest version ever put."""
        return self._backlog.version

    @property
    def safe_version(self) -> int:
        """Every point of this version or an older one is written or on disk."""
        return self._backlog.safe_version()

    def hand_over(self) -> None:
        """The ownership that put everything until now has ended; needs not wait for the disk."""
        self._backlog.term += 1
        if self._spill is not None:
            self._spill.hand_over()

    def is_former(self, what: Flight | Mark) -> bool:
        """Whether any of it was put by an ownership that has ended."""
        if isinstance(what, Flight):
            return self._backlog.is_former(what)
        return self._spill is not None and self._spill.is_former(what)

    async def open(self) -> None:
        """Take over the spill file; without a usable disk points wait in memory, and people hear of it."""
        if self._spill is not None:
            try:
                await asyncio.to_thread(self._spill.open)
            except ExportError as error:
                self._report.spill_failed(error)
                self._spill = None

    def close(self) -> None:
        """Give the spill file back; what has no place on disk is dropped and counted."""
        self._report.dropped("stopped", self.in_memory)
        if self._spill is not None:
            self._spill.close()

    def put(self, chunk: Chunk) -> None:
        """Behind all others; a full memory drops its oldest points, counted."""
        self._report.dropped("queue_full", self._backlog.put(chunk))

    async def depart(self, most: int) -> Flight | None:
        """The oldest points of memory set out, formatted; None if the disk has older ones or none wait."""
        async with self._disk:
            if self.on_disk:
                return None
            flight = self._backlog.take(most)
            if not flight.chunks:
                return None
            self._flight = flight
            await self._format(flight)
            return flight

    async def land(self, flight: Flight) -> None:
        """The flight's points are written, or on disk, or given up: they wait no longer."""
        if flight is self._flight:
            self._flight = None
        self._backlog.land(flight)
        async with self._landed:
            self._landed.notify_all()

    async def give_up(self, error: Exception) -> None:
        """What is on its way broke our own code: those points are refused, counted and logged."""
        if (flight := self._flight) is not None:
            self._report.refused("broken", len(flight.lines), str(error), error)
            await self.land(flight)

    async def oldest(self, most: int) -> tuple[list[str], Mark | None]:
        """The oldest lines of the disk; they stay there until `forget`."""
        if self._spill is None:
            return [], None
        async with self._disk:
            found = await asyncio.to_thread(self._spill.read, most)
            self._tell_lost(self._spill)
            return found

    async def forget(self, mark: Mark) -> None:
        """The lines up to the mark are written."""
        if self._spill is not None:
            async with self._disk:
                await asyncio.to_thread(self._spill.forget, mark)
                self._tell_lost(self._spill)
            async with self._landed:
                self._landed.notify_all()

    async def spill(self, most: int) -> bool:
        """All of memory is on disk, in records of `most` points; False if no disk takes it."""
        if self._spill is None:
            return self.in_memory == 0
        async with self._disk:
            if self._flight is not None and not await self._to_disk(self._flight):
                return False
            for _ in range(self._backlog.points // most + 1):
                flight = self._backlog.take(most)
                if not flight.chunks:
                    break
                await self._format(flight)
                if not await self._to_disk(flight):
                    self._backlog.give_back(flight)
                    return False
        return True

    async def keep(self, flight: Flight) -> bool:
        """The flight is written, and on the disk too, as of an ownership that has ended; False if no disk
        takes it.
        """
        async with self._disk:
            kept = await self._to_disk(flight)
            if kept and self._spill is not None:
                self._spill.hand_over()
            return kept

    async def at_rest(self, stop: Callable[[], None]) -> None:
        """Call `stop` while nothing works on the files: what a thread does there cannot be cancelled."""
        async with self._disk:
            stop()

    async def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Until the condition is true after a landing; False when time is up."""
        try:
            async with self._landed:
                await asyncio.wait_for(self._landed.wait_for(condition), seconds)
        except TimeoutError:
            return False
        return True

    async def _to_disk(self, flight: Flight) -> bool:
        if self._spill is None:
            return False
        if flight.lines:
            try:
                dropped = await asyncio.to_thread(self._spill.append, flight.lines)
            except OSError as error:
                self._report.spill_failed(error)
                return False
            self._report.dropped("spill_full", dropped)
            self._report.spilled(len(flight.lines))
            if self._backlog.is_former(flight):  # asked now: ownership may have ended meanwhile
                self._spill.hand_over()
        flight.spilled = True
        await self.land(flight)
        return True

    async def _format(self, flight: Flight) -> None:
        """Formatting runs beside the loop; what cannot be a point is left out and counted."""
        flight.lines, unwritable = await asyncio.to_thread(self._lines, flight.chunks)
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

    def _tell_lost(self, spill: Spill) -> None:
        self._report.dropped("spill_damaged", spill.lost)
        spill.lost = 0
