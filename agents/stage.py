"""What the three stages share: taking over partitions, writing behind, stopping.

A stage owns the folds of its partitions. A partition that it is given is recovered from its changelog before
the first record is folded; one that it kept through a rebalance (no generation in between) goes on as it is.
Everything that fails for the broker or the state ends the process at once: state is safe at any moment, and a
process that is half alive is worse than none.
"""

import asyncio
import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Generic, TypeVar, cast

from aiokafka import TopicPartition
from faust.types import TP

from agents.watch import Watch
from schemas.errors import PlanwatchError
from streams.app import StageApp, Wiring, make_app
from streams.state import Sender, check_not_truncated, read_changelog
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import StateRestored, WorkerFailed
from streams.transport import Consumer, Records

Fold = TypeVar("Fold")
log = logging.getLogger("planwatch")


class Stage(ABC, Generic[Fold]):
    """One stage in one process."""

    name: ClassVar[str]

    def __init__(self, wiring: Wiring, port: int, health: Health, telemetry: Telemetry) -> None:
        self.wiring = wiring
        self.settings = wiring.settings
        self.names = wiring.names
        self.health = health
        self.telemetry = telemetry
        self.folds: dict[TP, Fold] = {}
        self.app: StageApp = make_app(wiring.settings, self.name, port)
        self.sender = Sender(lambda: self.app.producer)
        self._recovering: dict[TP, asyncio.Task[None]] = {}
        self._generation = -1
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        #: how the process ends; a test's process goes on
        self.die: Callable[[int], object] = os._exit
        self.watch = Watch(self)
        self._wire_agent()

    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """The topics this stage folds."""

    @abstractmethod
    async def recover(self, tp: TP) -> Fold:
        """The fold of a partition as its changelog has it."""

    @abstractmethod
    def stamp(self, fold: Fold) -> int:
        """The offset up to which the fold has counted its partition; −1: nothing yet."""

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
            if message.generation_id != self.app.consumer_generation_id:
                return
            fold = self.folds.get(tp)
            if fold is not None and not self._stopping:
                await self.receive(tp, fold, message.value)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.fail(error)

    async def _on_revoked(self, *_args: Any, **_: Any) -> None:
        try:
            self.health.block("rebalancing", "partitions are being shared out anew")
            for task in self._recovering.values():
                task.cancel()
            self._recovering.clear()
            try:
                await asyncio.wait_for(self.write(), timeout=self.settings.kafka.session_timeout_s / 3)
            except TimeoutError:
                await self._drop(set(self.folds))  # a write cut short: what it took is only in the log now
        except BaseException as error:
            self.fail(error)

    async def _on_assigned(self, *args: Any, **_: Any) -> None:
        try:
            assigned: set[TP] = args[-1]
            generation = self.app.consumer_generation_id
            mine = {tp for tp in assigned if tp.topic in self.inputs()}
            kept = mine if generation == self._generation + 1 else set()
            await self._drop(set(self.folds) - kept)
            self._generation = generation
            for tp in mine - set(self.folds):
                self._recovering[tp] = asyncio.create_task(self._recover(tp))
            self._settle()
        except BaseException as error:
            self.fail(error)

    async def _drop(self, partitions: set[TP]) -> None:
        for tp in partitions:
            del self.folds[tp]
            await self.lost(tp)

    async def _recover(self, tp: TP) -> None:
        try:
            began = self.wiring.clock.now_ms()
            fold = await self.recover(tp)
            stamp = self.stamp(fold)
            seconds = (self.wiring.clock.now_ms() - began) / 1000
            self.telemetry.tell(StateRestored(tp.topic, tp.partition, stamp, seconds))
            await check_not_truncated(
                self.settings.kafka.bootstrap,
                {TopicPartition(tp.topic, tp.partition): stamp} if stamp >= 0 else {},
            )
            self.folds[tp] = fold
            self._recovering.pop(tp, None)
            await self.owned(tp)
            self._settle()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.fail(error)

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

    async def read_rows(self, tp: TP, apply: Any) -> None:
        """Feed the changelog of a partition to `apply`."""
        await read_changelog(
            self.settings.kafka.bootstrap, self.names.changelog(self.name, tp.topic), tp.partition, apply
        )

    async def acknowledge(self, tp: TP, offset: int) -> bool:
        """Commit that nothing before `offset` needs reading again; False when the ownership has ended."""
        return tp in self.folds and await self.consumer.commit_offsets({tp: offset})

    async def start(self) -> None:
        """Start the Faust app and the loops beside it."""
        self.health.block("starting", "not yet given its partitions")
        await self.app.start()
        watch = self.watch
        self._tasks = [
            asyncio.create_task(self._guard(loop))
            for loop in (*self.loops(), watch.tell_alerts(), watch.watch_broker(), watch.watch_progress())
        ]

    async def _guard(self, loop: Coroutine[Any, Any, None]) -> None:
        try:
            await loop
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.fail(error)

    async def stop(self) -> None:
        """Write and acknowledge what has been folded, then leave the group."""
        await self.write()
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.app.stop()

    def fail(self, error: BaseException) -> None:
        """End the process with one line and the error's exit code."""
        self.telemetry.tell(WorkerFailed(str(error) or repr(error)))
        if not isinstance(error, PlanwatchError):
            log.error("an unforeseen error", exc_info=error)
        sys.stderr.write(f"planwatch {self.name}: {error if str(error) else repr(error)}\n")
        sys.stderr.flush()
        logging.shutdown()
        self.die(getattr(error, "exit_code", 1))
