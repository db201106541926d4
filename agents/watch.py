"""What a stage watches about itself: alerts to people, a broker that does not answer, work that stands still.

Every reason that is not a passing one becomes an alert like any other, through the inbox.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from faust.types import TP

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
        self._seen: dict[TP, tuple[int, int]] = {}

    def alert(self, what: str, text: str, *, on: bool, subject: str = "") -> None:
        """Tell the people on call that something is wrong with this stage, or well again."""
        stage = self._stage
        ladder = stage.wiring.catalogue.ladder
        alert = SelfAlert(
            what=what,
            subject=subject or stage.name,
            on=on,
            tier=ladder[min(1, len(ladder) - 1)],
            text=text,
            at_ms=stage.wiring.clock.now_ms(),
        )
        if self._alerts.full():
            self._alerts.get_nowait()
        self._alerts.put_nowait(alert)

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
        if not reason.blocking:
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

    async def watch_progress(self) -> None:
        """End the process when there is work and none of it gets done: the client below may hang."""
        while True:
            await asyncio.sleep(_WATCH_S)
            for tp, fold in list(self._stage.folds.items()):
                await self._check(tp, self._stage.stamp(fold))

    async def _check(self, tp: TP, stamp: int) -> None:
        stage = self._stage
        now, end = stage.wiring.clock.now_ms(), stage.consumer.end(tp) or 0
        before, since = self._seen.get(tp, (stamp, now))
        self._seen[tp] = (stamp, now if stamp != before or stamp + 1 >= end else since)
        stalled_s = (now - self._seen[tp][1]) / 1000
        if stalled_s > stage.settings.kafka.stall_s and not await stage.consumer.at_end(tp):
            stage.telemetry.tell(ProgressStalled(tp.topic, tp.partition, stalled_s))
            raise BrokerError(
                f"{tp.topic}/{tp.partition} made no progress for {stalled_s:.0f} s (at {stamp}, end {end})",
                remedy="it is safe to start again; if it recurs, look at the broker",
            )
