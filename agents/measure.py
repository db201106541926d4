"""Stage one: events of a source partition become pages and a ledger.

Per poll: fold. Per flush: a basis that comes into force; refused records to the DLQ and pages to the
changelog; when the broker has them all, pages to the cells topic; then the ledger to both; then the
acknowledgement. A page is absolute and names the offset up to which it has counted, so that writing it again,
by whomever, changes nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.stage import Stage
from schemas.errors import TopicsError
from schemas.records import LayoutRecord, Ledger, Roster
from streams.app import Wiring
from streams.engine.measure import Flush, Limits, MeasureRows, Refusal, SourceFold
from streams.state import ARRIVED, Headers
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import EventsRefused, SourceFellIdle, SourceHeard
from streams.transport import Records

#: refused records waiting for a flush at most; beyond, the next poll waits for the flush
_REFUSED_WAITING = 5000
_IDLE_CHECK_S = 2.0
#: a flush that waits longer for the broker holds up folding: memory stays bounded
_SLOW_MS = 10_000


class MeasureStage(Stage[SourceFold]):
    """Folds the input topics' partitions that this process owns."""

    name = "measure"

    def __init__(self, wiring: Wiring, port: int, health: Health, telemetry: Telemetry) -> None:
        super().__init__(wiring, port, health, telemetry)
        self._refused: dict[TP, list[tuple[Any, Refusal]]] = {}
        self._heard: dict[TP, int] = {}
        self._arrived: dict[TP, int] = {}
        self._idle: set[TP] = set()
        self._writing: dict[TP, asyncio.Lock] = {}
        self._flushing: dict[TP, int] = {}

    def inputs(self) -> tuple[str, ...]:
        """The input topics."""
        return self.names.inputs

    def lives_on(self) -> dict[str, str]:
        """Also the cells topic: what was counted is in no other log."""
        return super().lives_on() | {self.names.cells: self.rebuild}

    def builds_on(self, tp: TP) -> tuple[str, ...]:
        """Also the cells topic, where all of its pages are."""
        return (tp.topic, self.names.cells)

    def stamp(self, fold: SourceFold) -> int:
        """The fold's stamp."""
        return fold.stamp

    async def recover(self, tp: TP) -> SourceFold:
        """Pages, ledger, dedupe index and dimension values from the changelog."""
        rows = MeasureRows()
        await self.read_rows(tp, rows.apply)
        limits = Limits(self.settings.measure.dedupe_entries, self.settings.measure.value_bytes)
        owner = await self.origins.owner(tp)
        return SourceFold.restore(tp.topic, tp.partition, self.wiring.catalogue, owner, rows, limits=limits)

    async def owned(self, tp: TP) -> None:
        """Say in the cells topic which source partitions there are and where this one stands."""
        self._heard[tp] = self.wiring.clock.now_ms()
        fold = self.folds[tp]
        layout = fold.layout
        partitions = {topic: self._partitions(topic) for topic in self.names.inputs}
        records: list[Roster | LayoutRecord | Ledger] = [
            Roster(partitions=partitions),
            LayoutRecord(id=layout.id, measures=list(layout.keys), dimensions=list(layout.dimensions)),
            fold.ledger(),
        ]
        await self.sender.confirmed([await self._to_cells(record) for record in records])

    async def lost(self, tp: TP) -> None:
        """Nothing of a former ownership is left to be written under the next."""
        for kept in (self._refused, self._arrived, self._heard, self._flushing, self._writing):
            kept.pop(tp, None)
        self._idle.discard(tp)

    def _partitions(self, topic: str) -> int:
        count = self.consumer.topic_partitions(topic)
        if not count:
            raise TopicsError(f"topic {topic} is not there", remedy="planwatch topics apply")
        return count

    async def _to_cells(
        self, record: Ledger | Roster | LayoutRecord, headers: Headers | None = None
    ) -> "asyncio.Future[Any]":
        value, key = record.model_dump_json().encode(), record.type.encode()
        return await self.sender.send(self.names.cells, value, key=key, headers=headers)

    async def receive(self, tp: TP, fold: SourceFold, records: Records) -> None:
        """Fold a poll; what is refused waits for the next flush."""
        self._heard[tp] = self.wiring.clock.now_ms()
        if tp in self._idle:
            self._idle.discard(tp)
            self.telemetry.tell(SourceHeard(tp.topic, tp.partition))
        self._arrived.setdefault(tp, records[0].timestamp)
        await self._wait_for_slow_broker(tp)
        if self.folds.get(tp) is not fold:
            return  # lost meanwhile: what it refused would reach the dead letters under its successor too
        if fold.until is None:
            await self._fold(tp, fold, records)
        else:
            await self._fold_former(tp, fold, fold.until, records)

    async def _fold_former(self, tp: TP, fold: SourceFold, until: int, records: Records) -> None:
        """Count on a former basis what was counted on it before a crash, then take over on ours."""
        await self._fold(tp, fold, [record for record in records if record.offset <= until])
        if records[-1].offset < until:
            return
        fold.close_former()
        await self._flush(tp, fold)
        if self.folds.get(tp) is not fold:
            return
        heir = await self.read_back(tp)
        if self.folds.get(tp) is not fold:
            return
        self.folds[tp] = heir
        await self.owned(tp)
        if self.folds.get(tp) is heir:
            await self.receive(tp, heir, records)

    async def _fold(self, tp: TP, fold: SourceFold, records: Records) -> None:
        refusals = fold.fold(records)
        if refusals:
            by_offset = {record.offset: record for record in records}
            waiting = self._refused.setdefault(tp, [])
            waiting.extend((by_offset[refusal.offset], refusal) for refusal in refusals)
            self._tell_refused(tp, refusals)
            if len(waiting) >= _REFUSED_WAITING:
                await self._flush(tp, fold)

    async def _wait_for_slow_broker(self, tp: TP) -> None:
        """Fold no further while the last flush of this partition has been waiting for long."""
        since_ms = self._flushing.get(tp)
        if since_ms is not None and self.wiring.clock.now_ms() - since_ms > _SLOW_MS:
            async with self._writing[tp]:
                return

    def _tell_refused(self, tp: TP, refusals: list[Refusal]) -> None:
        counts = Counter(refusal.reason for refusal in refusals)
        for first in {refusal.reason: refusal for refusal in reversed(refusals)}.values():
            offset, reason, field, value, remedy = first
            self.telemetry.tell(
                EventsRefused(tp.topic, reason, counts[reason], tp.partition, offset, field, value, remedy)
            )

    async def write(self) -> None:
        """Flush every partition that changed, and return when all are confirmed."""
        await asyncio.gather(*(self._flush(tp, fold) for tp, fold in list(self.folds.items())))

    async def _flush(self, tp: TP, fold: SourceFold) -> None:
        async with self._writing.setdefault(tp, asyncio.Lock()):
            flush = fold.flush() if self.folds.get(tp) is fold else None
            if flush is not None:
                self._flushing[tp] = self.wiring.clock.now_ms()
                await self._send(tp, fold, flush, self._refused.pop(tp, []))
                self._flushing.pop(tp, None)

    async def _send(self, tp: TP, fold: SourceFold, flush: Flush, refused: list[tuple[Any, Refusal]]) -> None:
        arrived = [(ARRIVED, str(self._arrived.pop(tp, 0)).encode())]
        await self._write_rows(tp, flush, refused)
        await self._write_pages(flush, arrived)
        await self._write_ledger(tp, flush, arrived)
        if await self.acknowledge(tp, fold, flush.stamp + 1):
            changelog = self.names.changelog(self.name, tp.topic)
            await self.sender.rows(changelog, tp.partition, fold.confirmed(flush))

    async def _write_rows(self, tp: TP, flush: Flush, refused: list[tuple[Any, Refusal]]) -> None:
        """Dead letters and changelog rows, until the broker has them."""
        changelog = self.names.changelog(self.name, tp.topic)
        await self.sender.rows(changelog, tp.partition, flush.adoption)
        pending = [await self._to_dlq(tp, record, refusal) for record, refusal in refused]
        pending += [
            await self.sender.send(changelog, value, key=key, partition=tp.partition)
            for key, value in flush.rows
        ]
        await self.sender.confirmed(pending)

    async def _write_pages(self, flush: Flush, arrived: Headers) -> None:
        """The pages for evaluate, until the broker has them."""
        pending = [] if flush.opened is None else [await self._to_cells(flush.opened)]
        pending += [
            await self.sender.send(self.names.cells, page, key=b"page", headers=arrived)
            for page in flush.pages
        ]
        await self.sender.confirmed(pending)

    async def _write_ledger(self, tp: TP, flush: Flush, arrived: Headers) -> None:
        """The ledger that answers for them, for the next owner and for evaluate."""
        key, value = flush.ledger_row
        changelog = self.names.changelog(self.name, tp.topic)
        await self.sender.confirmed(
            [
                await self.sender.send(changelog, value, key=key, partition=tp.partition),
                await self._to_cells(flush.ledger, arrived),
            ]
        )

    async def _to_dlq(self, tp: TP, record: Any, refusal: Refusal) -> "asyncio.Future[Any]":
        about = {
            "topic": tp.topic,
            "partition": tp.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "reason": refusal.reason,
            "field": refusal.field,
            "value": refusal.value,
            "remedy": refusal.remedy,
        }
        ours = [(f"planwatch-{name}", str(value).encode()) for name, value in about.items()]
        theirs = [(name, value) for name, value in record.headers if not name.startswith("planwatch-")]
        topic = self.names.dlq(tp.topic)
        return await self.sender.send(topic, record.value, key=record.key, headers=[*theirs, *ours])

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Flushing, and declaring idle what is silent."""
        return [self._flush_loop(), self._idle_loop()]

    async def _flush_loop(self) -> None:
        """Each partition is flushed by itself: one that waits for its broker holds no other up."""
        flying: dict[TP, asyncio.Task[None]] = {}
        while True:
            await asyncio.sleep(self.settings.measure.flush_ms / 1000)
            for tp, fold in list(self.folds.items()):
                if tp not in flying or flying[tp].done():
                    flying[tp] = asyncio.create_task(self.guard(self._flush(tp, fold)))

    async def _idle_loop(self) -> None:
        """A partition read to its end and silent for `idle_after` is idle: it no longer holds time back."""
        after = self.wiring.catalogue.installation.idle_after.ms
        while True:
            await asyncio.sleep(_IDLE_CHECK_S)
            silent = [tp for tp in self.folds if self._silence_ms(tp) >= after]
            try:
                async with asyncio.timeout(self.settings.kafka.request_timeout_s):
                    ends = await self.consumer.ends(*silent)
            except (TimeoutError, KafkaError):
                continue  # nothing is known of the end, so nothing is idle
            for tp, end in ends.items():
                if await self.at_rest(tp, end) and self._silence_ms(tp) >= after:
                    await self._declare_idle(tp)

    def _silence_ms(self, tp: TP) -> int:
        now_ms = self.wiring.clock.now_ms()
        return now_ms - self._heard.get(tp, now_ms)

    async def _declare_idle(self, tp: TP) -> None:
        async with self._writing.setdefault(tp, asyncio.Lock()):
            fold = self.folds.get(tp)
            if fold is None or self._silence_ms(tp) < self.wiring.catalogue.installation.idle_after.ms:
                return  # lost, or heard again, while a flush was written
            if tp not in self._idle:
                self._idle.add(tp)
                self.telemetry.tell(SourceFellIdle(tp.topic, tp.partition))
            await self.sender.confirmed([await self._to_cells(fold.idle(self._silence_ms(tp)))])

    def ledgers(self) -> list[Ledger]:
        """Every partition's own record as of now, with whether it was declared idle."""
        return [
            fold.ledger().model_copy(update={"idle": tp in self._idle})
            for tp, fold in sorted(self.folds.items())
        ]

    def lag(self) -> dict[TP, int]:
        """Records not yet counted, by source partition."""
        ends = {tp: self.consumer.end(tp) for tp in self.folds}
        return {tp: max(0, end - self.folds[tp].stamp - 1) for tp, end in ends.items() if end is not None}

    def snapshot(self) -> dict[str, Any]:
        """What /status and /metrics show of this stage."""
        lag = self.lag()
        return {
            "stage": self.name,
            "catalogue": self.wiring.catalogue.version,
            "partitions": [
                {**ledger.model_dump(), "lag": lag.get(TP(ledger.topic, ledger.partition))}
                for ledger in self.ledgers()
            ],
        }
