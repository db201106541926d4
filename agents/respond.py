"""Stage three: transitions, commands and ticks become incidents, obligations and notices.

State is confirmed before anything goes out to people; what was sent comes back into the log as a receipt, so
that a notice is repeated only if the process died between sending and noting it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from faust.types import TP

from agents.bounds import REBUILD_ALL
from agents.claim import claim, overtaken
from agents.stage import Stage
from schemas.base import scope_text
from schemas.incident import Reason
from schemas.records import Notice, Receipt, SelfAlert, Tick
from schemas.tier import NONE
from streams.app import Wiring
from streams.channels.dispatch import Dispatcher
from streams.engine.respond import Response
from streams.engine.rows import VersionedRows
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import IncidentChanged, NoticeDone, NoticeWithheld
from streams.transport import Records

#: where only time has passed, it is noted this often
_AT_LEAST_MS = 30_000


class RespondStage(Stage[Response]):
    """Folds the inbox topic."""

    name = "respond"
    rebuild = REBUILD_ALL

    def __init__(
        self,
        wiring: Wiring,
        port: int,
        health: Health,
        telemetry: Telemetry,
        new_dispatcher: Callable[[], Dispatcher],
    ) -> None:
        super().__init__(wiring, port, health, telemetry)
        self._new_dispatcher = new_dispatcher
        self.dispatcher: Dispatcher | None = None
        self._version = -1
        self._written = -1
        self._written_ms = 0
        self._counts: dict[str, int] = {}
        self._states: dict[str, str] = {}
        self._unacknowledged = False
        #: the end of the log when it was taken over; None once it has been folded up to there
        self._replay_until: int | None = None
        self._writing = asyncio.Lock()

    def inputs(self) -> tuple[str, ...]:
        """The inbox topic."""
        return (self.names.inbox,)

    def stamp(self, fold: Response) -> int:
        """The last inbox offset that the state knows."""
        return fold.version

    async def recover(self, tp: TP) -> Response:
        """The state as of its last commit, with the notices that were not yet sent."""
        owner = await self.origins.owner(tp)
        rows = VersionedRows(owner.encode(), (await claim(self, tp)).number)
        await self.read_rows(tp, rows.apply)
        rows.recover()
        if rows.is_overtaken:
            await overtaken(self)
        self._version = self._written = rows.version
        self._unacknowledged = False
        fold = Response.restore(rows, owner, outbox=self.settings.respond.outbox)
        self._counts = fold.counts
        self._states = {one.id: one.tier if one.is_open else "none" for one in fold.incidents()}
        return fold

    async def owned(self, tp: TP) -> None:
        """Put our catalogue into the log if the fold has another one; what has no receipt is sent again."""
        fold = self.folds[tp]
        await self.put_catalogue(self.names.inbox, fold.catalogue)
        dispatcher = self.dispatcher = self._new_dispatcher()
        dispatcher.on_receipt, dispatcher.on_alert = self._on_receipt, self._on_alert
        self._replay_until = (await self.consumer.ends(tp))[tp]
        await self._submit(fold, [])

    async def lost(self, tp: TP) -> None:
        """Stop sending at once: the next owner sends what has no receipt."""
        if self.dispatcher is not None:
            await self.dispatcher.stop(deadline_s=0.0)
            self.dispatcher = None

    async def receive(self, tp: TP, fold: Response, records: Records) -> None:
        """Fold a poll, confirm the state, then let the notices go."""
        async with self._writing:
            if self.folds.get(tp) is not fold:
                return  # lost while it waited: its successor folds them
            for record in records:
                fold.fold(record.offset, record.timestamp, record.value)
            self._version = fold.version
            self._tell_what_changed(fold)
            await self._commit(tp, fold)
            notices = fold.take()
        await self._submit(fold, notices)

    async def _submit(self, fold: Response, notices: list[Notice]) -> None:
        """Let notices go; where the log is still read as far as it went at the takeover, nothing goes yet.

        Receipts may lie there. Then all that waits goes in its order.
        """
        if self._replay_until is not None:
            unsafe = fold.changed or self._unacknowledged
            if fold.version + 1 < self._replay_until or unsafe:
                return
            self._replay_until, notices = None, fold.pending()
        for notice in notices:
            if self.dispatcher is not None:
                await self.dispatcher.submit(notice)

    def _tell_what_changed(self, fold: Response) -> None:
        """Log and count what became of incidents, and what was not told, since the last poll."""
        counts, before = fold.counts, self._counts
        for reason in (reason.value for reason in Reason):
            for _ in range(counts.get(reason, 0) - before.get(reason, 0)):
                self.telemetry.tell(NoticeWithheld(reason))
        self._counts = counts
        for name, incident in fold.news():
            if incident is None:
                self._states.pop(name, None)
                continue
            tier = incident.tier if incident.is_open else NONE
            if self._states.get(name, NONE) != tier:
                change = "resolved" if tier == NONE else "changed" if name in self._states else "opened"
                where = scope_text(incident.scope)
                self.telemetry.tell(IncidentChanged(change, incident.tier, name, incident.rule, where))
            self._states[name] = tier

    async def _commit(self, tp: TP, fold: Response) -> None:
        """Write what changed and have it acknowledged; before that nothing newer is written or sent.

        A row remembers its body at the last commit only, and where we have a successor, it may build on that.
        """
        if self._unacknowledged and not await self._have_acknowledged(tp, fold):
            return
        now = self.wiring.clock.now_ms()
        due = fold.changed or self._stopping or now - self._written_ms > _AT_LEAST_MS
        if self._version <= self._written or not due:
            return
        changelog = self.names.changelog(self.name, tp.topic)
        rows, commit_row = fold.commit()
        await self.sender.rows(changelog, tp.partition, rows)
        await self.sender.rows(changelog, tp.partition, [commit_row])
        if self.folds.get(tp) is not fold:
            return  # lost meanwhile: what is noted here is its successor's
        self._written, self._written_ms, self._unacknowledged = fold.version, now, True
        await self._have_acknowledged(tp, fold)

    async def _have_acknowledged(self, tp: TP, fold: Response) -> bool:
        if not await self.acknowledge(tp, fold, self._written + 1):
            return False
        self._unacknowledged = False
        changelog = self.names.changelog(self.name, tp.topic)
        await self.sender.rows(changelog, tp.partition, fold.confirmed())
        return True

    async def write(self) -> None:
        """Nothing waits here: every poll is confirmed before the next."""
        async with self._writing:
            for tp, fold in list(self.folds.items()):
                await self._commit(tp, fold)

    async def _on_alert(self, alert: SelfAlert) -> None:
        self.alert(alert.what, alert.text, on=alert.on, subject=alert.subject)

    async def _on_receipt(self, receipt: Receipt) -> None:
        fold = self.fold()
        outgoing = fold.state.outbox.get(receipt.notice) if fold is not None else None
        channel = outgoing.notice.channel if outgoing is not None else "unknown"
        self.telemetry.tell(NoticeDone(channel, receipt.outcome, receipt.notice, receipt.detail))
        value = receipt.model_dump_json().encode()
        await self.sender.confirmed(
            [await self.sender.send(self.names.inbox, value, key=receipt.notice.encode())]
        )

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Ticking."""
        return [self._tick_loop()]

    async def _tick_loop(self) -> None:
        """Only the ready owner appends ticks; what it says about its outbox goes with them."""
        tick = Tick().model_dump_json().encode()
        while True:
            await asyncio.sleep(self.settings.respond.tick_s)
            self._tell_what_is_full()
            if self.folds:
                await self.sender.confirmed([await self.sender.send(self.names.inbox, tick, key=b"tick")])

    def _tell_what_is_full(self) -> None:
        """Not ready while notices wait for which there is no place."""
        fold = self.fold()
        full = self.dispatcher.full if self.dispatcher is not None else []
        if full or (fold is not None and fold.full):
            where = ", ".join(full) or "all channels together"
            text = f"no place for another notice ({where}); see `planwatch channels test NAME`"
            self.health.block("outbox_full", text, tell=True)
        else:
            self.health.clear("outbox_full")

    async def stop(self) -> None:
        """Finish what is being sent within its time, then leave.

        Meanwhile receipts are folded, and notices that are made are left to the next owner.
        """
        while (dispatcher := self.dispatcher) is not None:
            self.dispatcher = None
            await dispatcher.stop()
        await super().stop()

    def fold(self) -> Response | None:
        """The fold, where this process owns it and it is ready."""
        return next(iter(self.folds.values()), None)

    def snapshot(self) -> dict[str, Any]:
        """What /status shows of this stage."""
        fold = self.fold()
        if fold is None:
            return {"stage": self.name, "standby": True}
        incidents = fold.incidents()
        return {
            "stage": self.name,
            "standby": False,
            "catalogue": fold.catalogue.version if fold.catalogue else None,
            "version": self._version,
            "committed": self._written,
            "incidents": len(incidents),
            "outbox": len(fold.pending()),
        }

    def answer(self, path: str) -> object:
        """/incidents: what `planwatch incidents` shows."""
        fold = self.fold()
        return {"incidents": []} if fold is None else fold.incidents_json()
