"""Deliberate breakages: each takes one promise's support away, so that the suite can show that it sees it.

Run in place of `planwatch` with names in FAULTS_BREAKAGE, separated by commas. An *aid* only widens a moment
in which a crash matters, or has more read again than a crash would; aids alone change nothing, and a control
trial proves it. Nothing of this is a part of the product, and the product knows nothing of it.
"""

import asyncio
import os
import random
from collections.abc import Callable
from typing import Any

from agents import measure
from agents.evaluate import EvaluateStage
from agents.measure import MeasureStage
from agents.respond import RespondStage
from agents.stage import Stage
from schemas.errors import StateError
from streams.app import Wiring
from streams.cells.page import Page
from streams.cli.main import main
from streams.engine.measure import MeasureRows, SourceFold
from streams.engine.measure_ids import SeenIds
from streams.engine.measure_panes import LivePage
from streams.engine.respond import Response
from streams.engine.rows import VersionedRows
from tests.faults import moments

#: seconds before each step of a flush in which a kill may come
_WIDE_S = 0.3
#: the part of the polls in which the agent raises
_RAISES = 0.05
_SEPARATOR = b"\x00"
BREAKAGES: dict[str, Callable[[], None]] = {}
AIDS: dict[str, Callable[[], None]] = {}


def _breakage(apply: Callable[[], None]) -> Callable[[], None]:
    BREAKAGES[apply.__name__] = apply
    return apply


def _aid(apply: Callable[[], None]) -> Callable[[], None]:
    AIDS[apply.__name__] = apply
    return apply


def _instead(owner: type, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a method by what `make` makes of it."""
    setattr(owner, name, make(getattr(owner, name)))


@_aid
def slow_writes() -> None:
    """Time to be killed in before every step of a flush."""

    def slowed(step: Any) -> Any:
        async def after_a_while(*args: Any) -> Any:
            await asyncio.sleep(_WIDE_S)
            return await step(*args)

        return after_a_while

    for name in ("_write_rows", "_write_pages", "_write_ledger", "acknowledge"):
        _instead(MeasureStage, name, slowed)


@_aid
def nothing_acknowledged() -> None:
    """The broker never hears how far measure is: every owner reads everything again."""

    async def acknowledge(self: MeasureStage, tp: Any, fold: SourceFold, _offset: int) -> bool:
        return self.folds.get(tp) is fold

    _instead(MeasureStage, "acknowledge", lambda _: acknowledge)


@_breakage
def acknowledged_before_the_changelog() -> None:
    async def send(self: Any, tp: Any, fold: Any, flush: Any, refused: Any) -> None:
        await self.acknowledge(tp, fold, flush.stamp + 1)
        await self._write_rows(tp, flush, refused)
        await self._write_pages(flush, [])
        await self._write_ledger(tp, flush, [])

    _instead(MeasureStage, "_send", lambda _: send)


@_breakage
def acknowledged_out_of_order() -> None:
    """What was folded after the flush is acknowledged with it."""

    def ahead(acknowledge: Any) -> Any:
        return lambda self, tp, fold, _offset: acknowledge(self, tp, fold, fold.stamp + 1)

    _instead(MeasureStage, "acknowledge", ahead)


@_breakage
def stamp_ignored() -> None:
    def from_the_beginning(fold: Any) -> Any:
        def folded(self: SourceFold, records: Any) -> Any:
            self.stamp = -1
            return fold(self, records)

        return folded

    _instead(SourceFold, "fold", from_the_beginning)


@_breakage
def no_ownership_id() -> None:
    _instead(Wiring, "new_owner", lambda _: lambda _self: "00000000")


@_breakage
def last_record_instead_of_highest_stamp() -> None:
    def last(_apply: Any) -> Any:
        def apply(self: Any, key: bytes, value: bytes | None) -> None:
            name, _, owner = key.rpartition(_SEPARATOR)
            if value is not None:
                self._rows[name] = {owner: value}
            elif owner in self._rows.get(name, {}):
                del self._rows[name]

        return apply

    _instead(MeasureRows, "apply", last)


@_breakage
def agent_error_acknowledged() -> None:
    def raising(receive: Any) -> Any:
        async def received(self: Any, tp: Any, fold: Any, records: Any) -> None:
            if random.random() < _RAISES:
                raise StateError("as told")
            await receive(self, tp, fold, records)

        return received

    def swallowing(fail: Any) -> Any:
        return lambda self, error: None if str(error) == "as told" else fail(self, error)

    _instead(MeasureStage, "receive", raising)
    _instead(Stage, "fail", swallowing)


@_breakage
def duplicate_without_the_offset() -> None:
    def all_of_them(restore: Any) -> Any:
        return lambda self, segments, _stamp, turn, forgotten: restore(self, segments, 2**62, turn, forgotten)

    _instead(SeenIds, "restore", all_of_them)


@_breakage
def dedupe_index_not_restored() -> None:
    def nothing(restore: Any) -> Any:
        return lambda self, _segments, stamp, turn, forgotten: restore(self, (), stamp, turn, forgotten)

    _instead(SeenIds, "restore", nothing)


@_breakage
def ledger_not_restored() -> None:
    def without(read: Any) -> Any:
        def rows(self: MeasureRows) -> Any:
            stored = read(self)
            stored.ledger, stored.turn_ms = None, 0
            return stored

        return rows

    _instead(MeasureRows, "read", without)


@_breakage
def sent_after_the_acknowledgement() -> None:
    async def send(self: Any, tp: Any, fold: Any, flush: Any, refused: Any) -> None:
        await self._write_rows(tp, flush, refused)
        await self._write_ledger(tp, flush, [])
        await self.acknowledge(tp, fold, flush.stamp + 1)
        await self._write_pages(flush, [])

    _instead(MeasureStage, "_send", lambda _: send)


@_breakage
def late_by_the_watermark_of_others() -> None:
    highest = [-(2**62)]

    def with_others(count: Any) -> Any:
        def counted(self: Any, pairs: Any, unread: int) -> Any:
            self._watermark_ms = max(self._watermark_ms, highest[0])
            refusals = count(self, pairs, unread)
            highest[0] = max(highest[0], self._watermark_ms)
            return refusals

        return counted

    _instead(SourceFold, "_count", with_others)


@_breakage
def silence_taken_for_idle() -> None:
    """Whoever is looked at, and that is often, counts as silent for a minute, whatever waits for him."""

    async def at_rest(_self: Any, _tp: Any, _end: int) -> bool:
        return True

    measure._IDLE_CHECK_S = 0.1
    _instead(MeasureStage, "at_rest", lambda _: at_rest)
    _instead(MeasureStage, "_silence_ms", lambda _: lambda _self, _tp: 60_000)


@_breakage
def covered_points_left() -> None:
    """Nobody is asked to write again what points of a former owner have covered."""

    async def nothing(_self: Any, _periods: Any) -> None:
        pass

    _instead(EvaluateStage, "write_again", lambda _: nothing)


@_breakage
def incidents_only_in_memory() -> None:
    def empty(_restore: Any) -> Any:
        def restored(rows: VersionedRows, owner: str, *, outbox: int) -> Response:
            response = Response(owner, outbox=outbox)
            response.version = rows.version
            return response

        return staticmethod(restored)

    _instead(Response, "restore", empty)
    assert RespondStage.name == "respond"


@_breakage
def page_written_as_a_delta() -> None:
    before: dict[Any, dict[Any, list[int | None]]] = {}

    def delta(snapshot: Any) -> Any:
        def since_last(self: LivePage, stamp: int) -> Page:
            page: Page = snapshot(self, stamp)
            known = before.get(page.key, {})
            before[page.key] = {leaf: list(cell) for leaf, cell in page.cells.items()}
            cells = {leaf: _less(cell, known.get(leaf)) for leaf, cell in page.cells.items()}
            return Page(page.key, page.stamp, page.first, cells)

        return since_last

    _instead(LivePage, "snapshot", delta)


def _less(cell: list[int | None], known: list[int | None] | None) -> list[int | None]:
    if known is None:
        return list(cell)
    return [a if a is None or b is None else a - b for a, b in zip(cell, known, strict=True)]


if __name__ == "__main__":
    moments.watch()
    for told in os.environ["FAULTS_BREAKAGE"].split(","):
        (BREAKAGES | AIDS)[told]()
    main()
