"""What a stage watches about itself: alerts to people, a broker that does not answer, work that stands still.

Every reason that is not a passing one becomes an alert like any other, through the inbox.
"""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.bounds import check_end
from agents.topics import Topics
from schemas.errors import BrokerError
from schemas.records import SelfAlert
from streams.telemetry import Reason
from streams.telemetry.happenings import ProgressStalled, ReasonChanged

if TYPE_CHECKING:
    from agents.stage import Stage

#: alerts about itself that wait for the broker at most; the oldest gives way
_ALERTS = 100
_WATCH_S = 5.0
_ANSWER_S = 10.0


class Watch:
    """The watcher of one stage."""

    def __init__(self, stage: "Stage[Any]") -> None:
        self._stage = stage
        self._alerts: asyncio.Queue[SelfAlert] = asyncio.Queue(_ALERTS)
        self._seen: dict[TP, tuple[object, int]] = {}
        self.refused_since_ms: int | None = None
        self.moving_since_ms: int | None = None
        self.topics = Topics(stage.settings.kafka, stage.lives_on())

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What watches while the process lives."""
        return [self.tell_alerts(), self.watch_broker(), self.watch_progress(), self.watch_topics()]

    def made(self, what: str, text: str, *, on: bool, subject: str = "") -> SelfAlert:
        """The alert that says that something is wrong with this stage, or well again."""
        stage = self._stage
        ladder = stage.wiring.catalogue.ladder
        return SelfAlert(
            what=what,
            subject=subject or stage.name,
            on=on,
            tier=ladder[min(1, len(ladder) - 1)],
            text=text,
            at_ms=stage.wiring.clock.now_ms(),
        )

    def alert(self, what: str, text: str, *, on: bool, subject: str = "") -> None:
        """Tell it to the people on call, as soon as the broker takes it."""
        if self._alerts.full():
            self._alerts.get_nowait()
        self._alerts.put_nowait(self.made(what, text, on=on, subject=subject))

    async def tell_alerts(self) -> None:
        """Bring the alerts, and every change of a reason, to the inbox."""
        stage = self._stage
        stage.health.watch(self._on_reason)
        while True:
            alert = await self._alerts.get()
            value = alert.model_dump_json().encode()
            await stage.sender.confirmed([await stage.sender.send(stage.names.inbox, value, key=b"self")])

    def _on_reason(self, reason: Reason, on: bool) -> None:
        self._stage.telemetry.tell(ReasonChanged(reason.name, "on" if on else "off", reason.text))
        if reason.told:
            self.alert(reason.name, reason.text, on=on)

    async def watch_broker(self) -> None:
        """Not ready while the broker does not answer."""
        while True:
            await asyncio.sleep(_WATCH_S)
            try:
                async with asyncio.timeout(_ANSWER_S):
                    answers = await self._stage.consumer.reachable()
            except TimeoutError:
                answers = False
            if answers:
                self._stage.health.clear("kafka")
            else:
                where = self._stage.settings.kafka.bootstrap
                self._stage.health.block("kafka", f"no broker of {where} answers; nothing is lost, all waits")

    async def watch_topics(self) -> None:
        """End the process when a topic that it lives on is gone, or another one by the same name."""
        while True:
            await self.topics.check()
            await asyncio.sleep(_WATCH_S)

    def acknowledged(self, *, taken: bool) -> None:
        """The broker took an acknowledgement, or refused it."""
        if taken:
            self.refused_since_ms = None
        elif self.refused_since_ms is None:
            self.refused_since_ms = self._stage.wiring.clock.now_ms()

    async def watch_progress(self) -> None:
        """End the process when it is half alive: ended below, or with work and none of it done."""
        while True:
            await asyncio.sleep(_WATCH_S)
            if why := self._stage.consumer.ended():
                raise BrokerError(f"the consumer ended: {why}", remedy="it is safe to start again")
            self._check_moving()
            await self._check_partitions()

    def _check_moving(self) -> None:
        now_ms = self._stage.wiring.clock.now_ms()
        for since_ms, what in (
            (self.moving_since_ms, "partitions were taken away and none were given"),
            (self.refused_since_ms, "the group refuses our acknowledgements"),
        ):
            if since_ms is not None and now_ms - since_ms > self._limit_ms:
                raise BrokerError(
                    f"{what} for {self._limit_ms / 1000:.0f} s", remedy="it is safe to start again"
                )

    async def _check_partitions(self) -> None:
        stage = self._stage
        # taken before the ends are asked for: what is folded meanwhile may lie beyond the answer
        stamps = {tp: stage.stamp(fold) for tp, fold in stage.folds.items()}
        try:
            async with asyncio.timeout(_ANSWER_S):
                ends = await stage.consumer.ends(*stamps)
        except (TimeoutError, KafkaError):
            return  # the broker's silence is watched apart
        for tp, end in ends.items():
            if tp in stage.folds:
                check_end(tp, stamps[tp], end, stage.rebuild)
                await self._check_progress(tp, stage.progress(stage.folds[tp]), end)

    async def _check_progress(self, tp: TP, here: object, end: int) -> None:
        """Nothing left to read is as good as progress."""
        now_ms = self._stage.wiring.clock.now_ms()
        before, since_ms = self._seen.get(tp, (here, now_ms))
        done = await self._stage.at_rest(tp, end)
        self._seen[tp] = (here, now_ms if here != before or done else since_ms)
        stalled_ms = now_ms - self._seen[tp][1]
        if stalled_ms > self._limit_ms:
            self._stage.telemetry.tell(ProgressStalled(tp.topic, tp.partition, stalled_ms / 1000))
            raise BrokerError(
                f"{tp.topic}/{tp.partition} made no progress for {stalled_ms / 1000:.0f} s "
                f"(at {here}, end {end})",
                remedy="it is safe to start again; if it recurs, look at the broker",
            )

    @property
    def _limit_ms(self) -> float:
        return self._stage.settings.kafka.stall_s * 1000
