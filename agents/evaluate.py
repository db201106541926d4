"""Stage two: pages and ledgers become windows, verdicts, tiers and transitions.

One ordered log in, one out. Transitions are confirmed and figures are safe with every exporter before the
state that no longer knows how to make them is committed.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from faust.types import TP

from agents.claim import claim, overtaken
from agents.commits import Commits
from agents.evaluate_status import figures_of, status_of
from agents.stage import Stage
from schemas.base import scope_text
from schemas.errors import LogTruncatedError
from schemas.records import ClosedPeriod, Rewrite, Transition
from streams.app import Wiring
from streams.engine.evaluate import Evaluation, Outcome, Problem
from streams.engine.rows import VersionedRows
from streams.exporters import Exporters
from streams.state import ARRIVED
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import CatalogueAdopted, PartSetAside, TierChanged
from streams.transport import Records

#: records that are decoded before others have the loop
_DECODED = 16
#: figures that exporters are given at once: some of them copy figures one by one
_TOGETHER = 20_000
#: seconds after which judging lets others have the loop; one of its steps may come on top
_BREATH_S = 0.005
#: seconds that judging and exporters have to finish when the stage is told to stop
_FINISH_S = 4.0
#: seconds that exporters have then for what is in memory still
_SINKS_S = 2.0


class EvaluateStage(Stage[Evaluation]):
    """Folds the cells topic."""

    name = "evaluate"

    def __init__(
        self, wiring: Wiring, port: int, health: Health, telemetry: Telemetry, exporters: Exporters
    ) -> None:
        super().__init__(wiring, port, health, telemetry)
        self.exporters = exporters
        self._arrived_ms = 0
        self._adopted = ""
        self._turn = asyncio.Lock()
        self._advancing = asyncio.Lock()
        self.commits = Commits(self, exporters, self._turn)

    def inputs(self) -> tuple[str, ...]:
        """The cells topic."""
        return (self.names.cells,)

    def builds_on(self, tp: TP) -> tuple[str, ...]:
        """Also the inbox, where its transitions are."""
        return (tp.topic, self.names.inbox)

    def stamp(self, fold: Evaluation) -> int:
        """The last cells offset that the state knows."""
        return fold.version

    def progress(self, fold: Evaluation) -> object:
        """One record may let years of panes close: then the frontier moves."""
        return fold.version, fold.frontier_ms

    async def recover(self, tp: TP) -> Evaluation:
        """The state as of its last commit."""
        owner = await self.origins.owner(tp)
        number, acknowledged = await claim(self, tp)
        rows = VersionedRows(owner.encode(), number)
        await self.read_rows(tp, rows.apply)
        fold = Evaluation.restore(rows, owner)
        if rows.is_overtaken:
            await overtaken(self)
        self.commits.begin(fold, acknowledged)
        return fold

    async def owned(self, tp: TP) -> None:
        """Put our catalogue into the log if the fold has another one, and go on with what was open."""
        fold = self.folds[tp]
        await self.put_catalogue(self.names.cells, fold.catalogue)
        for problem in fold.problems():  # whoever has cleared the incident by hand is told once more
            self.alert("part_set_aside", problem.text, on=True, subject=_subject(problem))
        await self._advance(fold)

    async def lost(self, tp: TP) -> None:
        """What exporters still hold may be overtaken by what the next owner hands them."""
        self.exporters.hand_over()

    async def is_owner(self) -> bool:
        """Whether the figures are ours still: see `Commits.is_owner`."""
        return await self.commits.is_owner()

    async def write_again(self, periods: Sequence[ClosedPeriod]) -> None:
        """Ask whoever owns the figures, through the log, for those of closed periods."""
        record = Rewrite(periods=list(periods)).model_dump_json().encode()
        await self.sender.confirmed([await self.sender.send(self.names.cells, record, key=b"rewrite")])

    async def receive(self, tp: TP, fold: Evaluation, records: Records) -> None:
        """Fold a poll and judge what it closed."""
        async with self._turn:
            for number, record in enumerate(records):
                if number % _DECODED == _DECODED - 1:
                    await asyncio.sleep(0)
                fold.fold(record.offset, record.timestamp, record.value)
                self._arrived_ms = next((int(v) for k, v in record.headers if k == ARRIVED), self._arrived_ms)
        await self._advance(fold)

    async def _advance(self, fold: Evaluation) -> None:
        async with self._advancing:
            time = asyncio.get_running_loop().time
            breathed = time()
            for outcome in fold.steps():
                if outcome is not None:
                    async with self._turn:
                        await self._emit(outcome, fold.version)
                    await self.exporters.pace()
                    if fold not in self.folds.values():
                        return  # lost meanwhile: its successor goes on, and may be ourselves
                if time() - breathed > _BREATH_S:  # a pane may stand half closed: see `Evaluation.steps`
                    await asyncio.sleep(0)
                    breathed = time()
            if self.commits.are_overdue():
                await self.write()  # while much is judged at once, the loop finds no moment between records

    async def _emit(self, outcome: Outcome, version: int) -> None:
        self._adopt()
        for problem in outcome.problems:
            self.telemetry.tell(PartSetAside(problem.kind, problem.name, problem.text))
            await self._tell_aside(problem, on=True)
        for problem in outcome.mended:
            await self._tell_aside(problem, on=False)
        for transition in outcome.transitions:
            self._tell(transition)
            self.commits.pending.append(await self._to_inbox(transition))
        for part in outcome.figures.parts(_TOGETHER):
            self.exporters.put(part, version)
            await asyncio.sleep(0)
        if outcome.transitions:
            self.exporters.put_transitions(outcome.transitions, self.wiring.catalogue.rank, version)

    async def _tell_aside(self, problem: Problem, *, on: bool) -> None:
        """Like a transition, in the inbox before the state that no longer knows of it."""
        alert = self.watch.made("part_set_aside", problem.text, on=on, subject=_subject(problem))
        value = alert.model_dump_json().encode()
        self.commits.pending.append(await self.sender.send(self.names.inbox, value, key=b"self"))

    def _adopt(self) -> None:
        fold = self.fold()
        catalogue = fold.catalogue if fold is not None else None
        if catalogue is not None and catalogue.version != self._adopted:
            self._adopted = catalogue.version
            self.telemetry.tell(
                CatalogueAdopted(catalogue.version, len(catalogue.kpis), len(catalogue.rules))
            )

    def _tell(self, transition: Transition) -> None:
        if self._arrived_ms and transition.cause == "worse":
            waited_ms = self.wiring.clock.now_ms() - self._arrived_ms
            self.telemetry.event_to_transition.observe(max(0, waited_ms) / 1000)
        self.telemetry.tell(
            TierChanged(
                transition.rule,
                scope_text(transition.scope),
                transition.tier,
                transition.previous,
                transition.cause,
                transition.end_ms,
                transition.silent,
            )
        )

    async def _to_inbox(self, transition: Transition) -> "asyncio.Future[Any]":
        value = transition.model_dump_json().encode()
        return await self.sender.send(self.names.inbox, value, key=transition.id.encode())

    def missing(self, tp: TP, count: int) -> None:
        """Figures without the cells that were deleted unread would be wrong: stop."""
        raise LogTruncatedError(
            f"{count} records of {tp.topic}/{tp.partition} were deleted before they were evaluated",
            remedy="`planwatch rebuild` counts anew from the events that Kafka still has",
        )

    async def write(self) -> None:
        """Prepare a commit at what has been folded, and write it as soon as every exporter is that far."""
        await self.commits.write()

    async def stop(self) -> None:
        """Bring the figures of all that has been folded to safety, so that none of it is read again."""
        self._stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                await self._finish()
        await self.exporters.stop(_SINKS_S)  # while it is sure whose figures these are
        await super().stop()

    async def _finish(self) -> None:
        async with self._advancing:  # what is being judged is judged to its end
            folds = list(self.folds.values())
        for _ in range(2):  # a commit that was prepared before, and one of all that came since
            for fold in folds:
                await self.write()
                await self.exporters.settle(fold.version)
                await self.write()

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """Committing."""
        return [self.commits.loop()]

    def fold(self) -> Evaluation | None:
        """The fold, where this process owns it and it is ready."""
        return next(iter(self.folds.values()), None)

    def snapshot(self) -> dict[str, Any]:
        """What /status shows of this stage."""
        fold = self.fold()
        if fold is None:
            return {"stage": self.name, "standby": True}
        return {"stage": self.name, "standby": False, "committed": self.commits.written, **status_of(fold)}

    def answer(self, path: str) -> object:
        """/figures: the figures that stand at the frontier."""
        return figures_of(self.fold())


def _subject(problem: Problem) -> str:
    return f"{problem.kind} {problem.name}"
