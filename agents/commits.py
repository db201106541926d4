"""The commits of evaluate: transitions confirmed, figures safe with every exporter, state written, and then
the offset acknowledged; one commit at a time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from faust.types import TP

from agents.stage import Stage
from schemas.records import Tick
from streams.engine.evaluate import Evaluation
from streams.engine.figures import Figures
from streams.engine.rows import Row
from streams.exporters import Exporters

#: respond is told this often how far has been judged
_TICK_MS = 5_000
#: seconds between two looks whether the exporters are as far as a commit that waits for them
_LOOK_S = 0.1


@dataclass(slots=True)
class _Prepared:
    """A commit that waits for exporters: encoded at its version, written when that is safe.

    Once it is written it waits for its acknowledgement: before that nothing newer is written. A row remembers
    its body at the last commit only, and where this owner has a successor, that one may build on it.
    """

    version: int
    replay_from: int
    pending: "list[asyncio.Future[Any]]"
    rows: Sequence[Row]
    commit_row: Row
    is_written: bool = False


class Commits:
    """What of a stage's fold is written and acknowledged, and how more of it comes to be."""

    def __init__(self, stage: Stage[Evaluation], exporters: Exporters, turn: asyncio.Lock) -> None:
        """`turn`: held by whoever changes the fold or emits what it told."""
        self._stage = stage
        self._exporters = exporters
        self._turn = turn
        #: records on their way to the inbox that must be there before the state that has told them
        self.pending: list[asyncio.Future[Any]] = []
        #: the version that was written last
        self.written = -1
        self._prepared: _Prepared | None = None
        #: the offset that was acknowledged last; None while nothing is known of it
        self._acknowledged: int | None = None
        self._ticked_ms = 0
        self._committed_ms = stage.wiring.clock.now_ms()
        self._writing = asyncio.Lock()
        self._acknowledging = asyncio.Lock()

    def begin(self, fold: Evaluation, acknowledged: int) -> None:
        """Go on from what a fold was restored from, with what was acknowledged then.

        Not with what the fold would acknowledge: that commit may not count once another former owner's comes.
        """
        self.written, self._prepared, self.pending = fold.version, None, []
        self._acknowledged = acknowledged

    def are_overdue(self) -> bool:
        """Whether the last commit is more than twice as long ago as it should be."""
        return self._stage.wiring.clock.now_ms() - self._committed_ms > 2 * self._interval_ms

    @property
    def _interval_ms(self) -> int:
        return self._stage.settings.evaluate.commit_ms

    async def is_owner(self) -> bool:
        """Whether the figures are ours still: from nobody else the broker takes the last acknowledgement."""
        async with self._acknowledging:  # never behind a newer one
            for tp, fold in self._stage.folds.items():
                last = self._acknowledged
                return last is not None and await self._stage.acknowledge(tp, fold, last)
        return False

    async def loop(self) -> None:
        """Commit again and again, for as long as the stage lives."""
        while True:
            waiting = self._prepared is not None
            await asyncio.sleep(_LOOK_S if waiting else self._interval_ms / 1000)
            await self.write()

    async def write(self) -> None:
        """Prepare a commit at what has been folded, and write it as soon as every exporter is that far."""
        async with self._writing:
            for tp, fold in list(self._stage.folds.items()):
                await self._prepare(tp, fold)
                await self._bring_home(tp, fold)

    async def _prepare(self, tp: TP, fold: Evaluation) -> None:
        if self._prepared is not None or fold.version <= self.written:
            return
        async with self._turn:
            if not fold.settled or self._stage.folds.get(tp) is not fold:
                return
            pending, self.pending = self.pending, []
            rows, commit_row = fold.commit()
            self._prepared = _Prepared(fold.version, fold.replay_from, pending, rows, commit_row)
            self._exporters.put(Figures(), fold.version)

    async def _bring_home(self, tp: TP, fold: Evaluation) -> None:
        prepared = self._prepared
        if prepared is None or self._exporters.safe_version() < prepared.version:
            return
        sender, changelog = self._stage.sender, self._stage.names.changelog(self._stage.name, tp.topic)
        if not prepared.is_written:
            await sender.confirmed(prepared.pending)
            await sender.rows(changelog, tp.partition, prepared.rows)
            await sender.rows(changelog, tp.partition, [prepared.commit_row])
            prepared.is_written = True
        if await self._acknowledge(tp, fold, prepared.replay_from):
            self._prepared, self.written = None, prepared.version
            self._committed_ms = self._stage.wiring.clock.now_ms()
            await sender.rows(changelog, tp.partition, fold.confirmed())
            await self._tick(fold)

    async def _acknowledge(self, tp: TP, fold: Evaluation, offset: int) -> bool:
        async with self._acknowledging:
            taken = await self._stage.acknowledge(tp, fold, offset)
            self._acknowledged = offset if taken else self._acknowledged
            return taken

    async def _tick(self, fold: Evaluation) -> None:
        """Tell respond how far has been judged: what stays open after a backfill is told when it is near."""
        now = self._stage.wiring.clock.now_ms()
        if now - self._ticked_ms >= _TICK_MS:
            self._ticked_ms = now
            sender, tick = self._stage.sender, Tick(frontier_ms=fold.frontier_ms).model_dump_json().encode()
            await sender.confirmed([await sender.send(self._stage.names.inbox, tick, key=b"tick")])
