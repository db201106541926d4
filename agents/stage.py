"""What the three stages share: how they begin, acknowledge and end; how they take over is in `takeover`.

Everything that fails for the broker or the state ends the process at once: state is safe at any moment, and a
process that is half alive is worse than none.
"""

import asyncio
import logging
import os
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.bounds import REBUILD_ALL
from agents.ending import explained, say
from agents.origin import Origins
from agents.takeover import Fold, Takeover
from agents.watch import Watch
from schemas.catalogue import Catalogue
from schemas.errors import BrokerError, PlanwatchError
from schemas.records import CatalogueRecord
from streams.app import Wiring, make_app
from streams.state import Apply, Sender
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import WorkerFailed

log = logging.getLogger("planwatch")


class Stage(Takeover[Fold]):
    """One stage in one process."""

    name: ClassVar[str]

    def __init__(self, wiring: Wiring, port: int, health: Health, telemetry: Telemetry) -> None:
        super().__init__()
        self.wiring = wiring
        self.settings = wiring.settings
        self.names = wiring.names
        self.health = health
        self.telemetry = telemetry
        self.app = make_app(wiring.settings, self.name, port)
        self.sender = Sender(lambda: self.app.producer, self.settings.kafka.request_timeout_s)
        self._tasks: list[asyncio.Task[None]] = []
        #: seconds in which the group must take our leave: without a broker nobody hears it
        self.leave_s = 2.5
        #: how the process ends; a test's process goes on
        self.die: Callable[[int], object] = os._exit
        self.watch = Watch(self)
        self.origins = Origins(self)
        self._wire_agent()

    def lives_on(self) -> dict[str, str]:
        """Topics that must stay the ones they are, each with what mends it if one does not."""
        logs = (*self.inputs(), *(self.names.changelog(self.name, topic) for topic in self.inputs()))
        return dict.fromkeys(logs, self.rebuild) | {self.names.inbox: REBUILD_ALL}

    def builds_on(self, tp: TP) -> tuple[str, ...]:
        """The topics without which the state of a partition, once begun, is not whole."""
        return (tp.topic,)

    def progress(self, fold: Fold) -> object:
        """What changes when work gets done, even within one record."""
        return self.stamp(fold)

    @abstractmethod
    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the agent while the process lives."""

    @abstractmethod
    def snapshot(self) -> dict[str, Any]:
        """What /status shows of this stage."""

    def answer(self, path: str) -> object:
        """What the page answers at one of the stage's own paths."""
        return {"error": f"{self.name} has no {path}"}

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
        await self._end_recoveries()
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
