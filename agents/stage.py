"""What the three stages share: taking over partitions, writing behind, stopping.

A stage owns the folds of its partitions. A partition that it is given is recovered from its changelog before
the first record is folded; one that it kept through a rebalance (no generation in between) goes on as it is.
Everything that fails for the broker or the state ends the process at once: state is safe at any moment, and a
process that is half alive is worse than none.
"""

import asyncio
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Generic, TypeVar, cast

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.bounds import REBUILD, REBUILD_ALL, check_acknowledged, check_end
from agents.ending import explained, say
from agents.origin import Origins
from agents.watch import Watch
from schemas.catalogue import Catalogue
from schemas.errors import BrokerError, PlanwatchError, StateError
from schemas.records import CatalogueRecord
from streams.app import StageApp, Wiring, make_app
from streams.state import Apply, Sender, collector_still
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import RecordsLostUnread, StateRestored, WorkerFailed
from streams.transport import Consumer, Records

Fold = TypeVar("Fold")
log = logging.getLogger("planwatch")


class Stage(ABC, Generic[Fold]):
    """One stage in one process."""

    name: ClassVar[str]
    #: what mends a log or a changelog that is not the one it was
    rebuild: ClassVar[str] = REBUILD

    def __init__(self, wiring: Wiring, port: int, health: Health, telemetry: Telemetry) -> None:
        self.wiring = wiring
        self.settings = wiring.settings
        self.names = wiring.names
        self.health = health
        self.telemetry = telemetry
        self.folds: dict[TP, Fold] = {}
        self.app: StageApp = make_app(wiring.settings, self.name, port)
        self.sender = Sender(lambda: self.app.producer, self.settings.kafka.request_timeout_s)
        self._recovering: dict[TP, asyncio.Task[None]] = {}
        self._begun: set[TP] = set()
        self._generation = -1
        self._tasks: list[asyncio.Task[None]] = []
        self._looking: asyncio.Task[None] | None = None
        self._stopping = False
        #: seconds in which the group must take our leave: without a broker nobody hears it
        self.leave_s = 2.5
        #: how the process ends; a test's process goes on
        self.die: Callable[[int], object] = os._exit
        self.watch = Watch(self)
        self.origins = Origins(self)
        self._wire_agent()

    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """The topics this stage folds."""

    def lives_on(self) -> dict[str, str]:
        """Topics that must stay the ones they are, each with what mends it if one does not."""
        logs = (*self.inputs(), *(self.names.changelog(self.name, topic) for topic in self.inputs()))
        return dict.fromkeys(logs, self.rebuild) | {self.names.inbox: REBUILD_ALL}

    def builds_on(self, tp: TP) -> tuple[str, ...]:
        """The topics without which the state of a partition, once begun, is not whole."""
        return (tp.topic,)

    @abstractmethod
    async def recover(self, tp: TP) -> Fold:
        """The fold of a partition as its changelog has it."""

    @abstractmethod
    def stamp(self, fold: Fold) -> int:
        """The offset up to which the fold has counted its partition; −1: nothing yet."""

    def progress(self, fold: Fold) -> object:
        """What changes when work gets done, even within one record."""
        return self.stamp(fold)

    @abstractmethod
    async def owned(self, tp: TP) -> None:
        """Begin with a partition whose fold is there."""

    async def lost(self, tp: TP) -> None:
        """End what was begun in `owned`; the fold is already gone."""

    @abstractmethod
    async def receive(self, tp: TP, fold: Fold, records: Records) -> None:
        """Fold a poll's records of one partition."""

    @abstractmethod
    async def write(self) -> None:
        """Write what has changed, confirm it, acknowledge."""

    @abstractmethod
    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the agent while the process lives."""

    @abstractmethod
    def snapshot(self) -> dict[str, Any]:
        """What /status shows of this stage."""

    def answer(self, path: str) -> object:
        """What the page answers at one of the stage's own paths."""
        return {"error": f"{self.name} has no {path}"}

    @property
    def consumer(self) -> Consumer:
        """Our consumer under Faust."""
        return cast(Consumer, self.app.consumer)

    def _wire_agent(self) -> None:
        topic = self.app.topic(
            *self.inputs(), key_type=bytes, value_type=bytes, value_serializer="raw", acks=False
        )

        async def fold_batches(stream: Any) -> None:
            async for event in stream.noack().events():
                await self._on_batch(event.message)

        self.app.agent(topic, name=f"{self.name}")(fold_batches)
        self.app.on_partitions_assigned.connect(self._on_assigned)
        self.app.on_partitions_revoked.connect(self._on_revoked)

    async def _on_batch(self, message: Any) -> None:
        tp: TP = message.tp
        try:
            task = self._recovering.get(tp)
            if task is not None:
                await asyncio.wait([task])
            if self._stopping or message.generation_id != self.app.consumer_generation_id:
                return
            fold = self.folds.get(tp)
            if fold is None and self.watch.moving_since_ms is not None:
                return  # taken away meanwhile; its next owner begins at what was acknowledged
            if fold is None:
                raise StateError(f"{tp.topic}/{tp.partition} has records and no fold", remedy="start again")
            if tp not in self._begun:
                await self._check_beginning(tp, self.stamp(fold), message.value[0].offset)
            await self.receive(tp, fold, message.value)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.fail(error)

    async def _check_beginning(self, tp: TP, stamp: int, first: int) -> None:
        """Reading begins where the fold ends, and nothing in between was deleted unread.

        `first`: the offset of the first record that was read. The broker is asked only where there is a gap.
        """
        self._begun.add(tp)
        sought = self.consumer.sought.get(tp)
        check_acknowledged(tp, stamp, sought, self.rebuild)
        needed = stamp + 1 if sought is None else sought
        if first <= needed or stamp < 0:
            return
        begin = (await self.consumer.earliest_offsets(tp))[tp]
        if begin > needed:
            self.missing(tp, begin - needed)

    def missing(self, tp: TP, count: int) -> None:
        """Records were deleted from the log before they were read: say so, loudly, and go on."""
        self.telemetry.tell(RecordsLostUnread(tp.topic, tp.partition, count))
        where = f"{tp.topic}/{tp.partition}"
        self.alert(
            "records_lost_unread", f"{count} records of {where} were deleted unread", on=True, subject=where
        )

    async def _on_revoked(self, *_args: Any, **_: Any) -> None:
        try:
            self.health.block("rebalancing", "partitions are being shared out anew")
            self.watch.moving_since_ms = self.wiring.clock.now_ms()
            unfinished = set(self._recovering)
            for task in self._recovering.values():
                task.cancel()
            await asyncio.gather(*self._recovering.values(), return_exceptions=True)
            self._recovering.clear()
            await self._drop(unfinished)
            try:
                await asyncio.wait_for(self.write(), timeout=self.settings.kafka.session_timeout_s / 3)
            except TimeoutError:
                await self._drop(set(self.folds))  # a write cut short: what it took is only in the log now
        except BaseException as error:
            self.fail(error)

    async def _on_assigned(self, *args: Any, **_: Any) -> None:
        """Keep what nobody else can have owned meanwhile; recover the rest before its first record.

        Nothing is awaited before every partition has its fold or its recovery: the flow may resume.
        """
        try:
            assigned: set[TP] = args[-1]
            generation = self.app.consumer_generation_id
            mine = {tp for tp in assigned if tp.topic in self.inputs()}
            kept = set(self.folds) & mine if generation == self._generation + 1 else set()
            gone = set(self.folds) - kept
            for tp in gone:
                del self.folds[tp]
            self._generation = generation
            self.consumer.join()
            self._begun.clear()
            self.consumer.delivered.clear()
            for tp in mine - kept:
                self._recovering[tp] = asyncio.create_task(self._recover(tp, had=tp in gone))
            self.watch.moving_since_ms = self.watch.refused_since_ms = None
            self._settle()
            for tp in gone - mine:
                await self.lost(tp)
        except BaseException as error:
            self.fail(error)

    async def _drop(self, partitions: set[TP]) -> None:
        for tp in partitions:
            if self.folds.pop(tp, None) is not None:
                await self.lost(tp)

    async def _recover(self, tp: TP, *, had: bool) -> None:
        try:
            if had:
                await self.lost(tp)
            if self._looking is not None:  # which topics these are is known before any of them is read
                await asyncio.wait([self._looking])
            # asked for before the state is read, which is then not behind it, whoever goes on meanwhile
            acknowledged = await self.consumer.acknowledged(tp)
            fold = await self.read_back(tp)
            stamp = self.stamp(fold)
            check_end(tp, stamp, (await self.consumer.ends(tp))[tp], self.rebuild)
            check_acknowledged(tp, stamp, acknowledged, self.rebuild)
            await self.origins.write(tp)
            self.folds[tp] = fold
            await self.owned(tp)
            self._recovering.pop(tp, None)
            self._settle()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.fail(error)

    async def read_back(self, tp: TP) -> Fold:
        """Recover the fold of a partition, and say how long that took."""
        began = self.wiring.clock.now_ms()
        with collector_still():
            fold = await self.recover(tp)
        seconds = (self.wiring.clock.now_ms() - began) / 1000
        self.telemetry.tell(StateRestored(tp.topic, tp.partition, self.stamp(fold), seconds))
        return fold

    def _settle(self) -> None:
        self.health.clear("rebalancing")
        self.health.clear("starting")
        if self._recovering:
            self.health.block("recovering", f"{len(self._recovering)} partitions are being read back")
        else:
            self.health.clear("recovering")

    def alert(self, what: str, text: str, *, on: bool, subject: str = "") -> None:
        """Tell the people on call that something is wrong with this stage, or well again."""
        self.watch.alert(what, text, on=on, subject=subject)

    async def put_catalogue(self, topic: str, known: Catalogue | None) -> None:
        """Put our catalogue into the log, from where the fold takes it, if the fold has another one."""
        ours = self.wiring.catalogue
        if known is None or known.version != ours.version:
            record = CatalogueRecord(catalogue=ours).model_dump_json(by_alias=True).encode()
            await self.sender.confirmed([await self.sender.send(topic, record, key=b"catalogue")])

    async def read_rows(self, tp: TP, apply: Apply) -> None:
        """Feed the changelog of a partition to `apply`; refuses one that is not the one it was."""
        await self.origins.read(tp, apply)

    async def acknowledge(self, tp: TP, fold: Fold, offset: int) -> bool:
        """Commit that nothing before `offset` needs reading again; False when this fold's time is over."""
        if self.folds.get(tp) is not fold:
            return False
        if not await self.consumer.commit_offsets({tp: offset}):
            self.watch.acknowledged(taken=False)
            return False
        self.watch.acknowledged(taken=True)
        return self.folds.get(tp) is fold

    async def at_rest(self, tp: TP, end: int) -> bool:
        """Whether everything that lies before `end` has been read and folded."""
        fold = self.folds.get(tp)
        if fold is None or self.stamp(fold) + 1 >= end:
            return fold is not None
        waits = self.consumer.delivered.get(tp, -1) > self.stamp(fold)
        return not waits and (await self.consumer.at(tp) or 0) >= end

    async def start(self) -> None:
        """Start the Faust app and the loops beside it."""
        self.health.block("starting", "not yet given its partitions")
        self.watch.moving_since_ms = self.wiring.clock.now_ms()
        self._looking = asyncio.create_task(self.watch.topics.look())
        try:
            await self.app.start()
        except KafkaError as error:
            raise BrokerError(
                f"Kafka at {self.settings.kafka.bootstrap} cannot be used: {error!r}",
                remedy="planwatch doctor",
            ) from error
        loops = (*self.loops(), *self.watch.loops())
        self._tasks = [asyncio.create_task(self.guard(loop)) for loop in loops]

    async def guard(self, loop: Coroutine[Any, Any, None]) -> None:
        """Await it; what it raises ends the process."""
        try:
            await loop
        except asyncio.CancelledError as error:
            if not self._stopping:
                self.fail(error)
            raise
        except BaseException as error:
            self.fail(error)

    async def stop(self) -> None:
        """Write and acknowledge what has been folded, then leave the group."""
        self._stopping = True
        await self.write()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        leaving = asyncio.create_task(self.app.stop())
        done, _ = await asyncio.wait([leaving], timeout=self.leave_s)
        if not done:
            log.warning("all is written; the group could not be told, and will find out by itself")
        for task in done:
            task.result()

    def fail(self, error: BaseException) -> None:
        """End the process with one line and the error's exit code."""
        known = explained(error)
        self.telemetry.tell(WorkerFailed(known.what, known.remedy))
        if not isinstance(error, PlanwatchError):
            log.error("an unforeseen error", exc_info=error)
        say(self.name, known)
        logging.shutdown()
        self.die(known.exit_code)
