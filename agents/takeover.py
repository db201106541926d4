"""How a stage comes to its partitions and loses them: recovery before the first record, nothing after.

A partition that a stage is given is recovered from its changelog before the first record is folded; one that
it kept through a rebalance (no generation in between) goes on as it is.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from faust.types import TP

from agents.bounds import REBUILD, check_acknowledged, check_end
from schemas.errors import BrokerError, StateError
from streams.app import StageApp, Wiring
from streams.settings import Settings
from streams.state import collector_still
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import RecordsLostUnread, StateRestored
from streams.transport import Consumer, Records

if TYPE_CHECKING:
    from agents.origin import Origins
    from agents.watch import Watch

Fold = TypeVar("Fold")
#: how often a recovery is begun that the client breaks off
_ATTEMPTS = 5


class Takeover(ABC, Generic[Fold]):
    """The folds of the partitions that a process has, and those that are being read back."""

    #: what mends a log or a changelog that is not the one it was
    rebuild: ClassVar[str] = REBUILD
    wiring: Wiring
    settings: Settings
    health: Health
    telemetry: Telemetry
    app: StageApp
    watch: "Watch"
    origins: "Origins"

    def __init__(self) -> None:
        self.folds: dict[TP, Fold] = {}
        self._recovering: dict[TP, asyncio.Task[None]] = {}
        self._begun: set[TP] = set()
        self._generation = -1
        #: which topics these are is found out once
        self._looking: asyncio.Task[None] | None = None
        self._stopping = False

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
    def alert(self, what: str, text: str, *, on: bool, subject: str = "") -> None:
        """Tell the people on call that something is wrong with this stage, or well again."""

    @abstractmethod
    def fail(self, error: BaseException) -> None:
        """End the process with one line and the error's exit code."""

    @property
    def consumer(self) -> Consumer:
        """Our consumer under Faust."""
        return cast(Consumer, self.app.consumer)

    async def _on_batch(self, message: Any) -> None:
        tp: TP = message.tp
        try:
            while (task := self._recovering.get(tp)) is not None and not task.done():
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
            await self._drop(await self._end_recoveries())
            try:
                await asyncio.wait_for(self.write(), timeout=self.settings.kafka.session_timeout_s / 3)
            except TimeoutError:
                await self._drop(set(self.folds))  # a write cut short: what it took is only in the log now
        except BaseException as error:
            self.fail(error)

    async def _end_recoveries(self) -> set[TP]:
        """Read back nothing more; gives the partitions that are not."""
        unfinished = set(self._recovering)
        for task in self._recovering.values():
            task.cancel()
        await asyncio.gather(*self._recovering.values(), return_exceptions=True)
        self._recovering.clear()
        return unfinished

    async def _on_assigned(self, *args: Any, **_: Any) -> None:
        """Keep what nobody else can have owned meanwhile; recover the rest before its first record.

        Nothing is awaited before every partition has its fold or its recovery: the flow may resume. Who is
        told to stop begins with nothing.
        """
        if self._stopping:
            return
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

    async def _recover(self, tp: TP, *, had: bool, attempt: int = 1) -> None:
        try:
            await self._take_over(tp, had=had)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._begin_anew(tp, attempt)
        except BaseException as error:
            self.fail(error)

    async def _take_over(self, tp: TP, *, had: bool) -> None:
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

    def _begin_anew(self, tp: TP, attempt: int) -> None:
        """Nobody ended a recovery: it waited for a request of the client's, which broke that off."""
        if attempt < _ATTEMPTS:
            again = self._recover(tp, had=False, attempt=attempt + 1)
            self._recovering[tp] = asyncio.create_task(again)
            return
        what = f"{tp.topic}/{tp.partition} cannot be taken over: the client broke off {attempt} times"
        self.fail(BrokerError(what, remedy="look at the broker; it is safe to start again"))

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
