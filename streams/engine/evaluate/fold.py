"""Stage two as one object: records of the cells topic in, outcomes out, state in rows.

Records are taken strictly one after the other: whatever a ledger lets close is closed before the next
record is looked at, so that how a log is cut into polls changes nothing. Decides which records are new and
which are read again after a restart; everything else is decided below.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic import ValidationError

from schemas.base import Scope
from schemas.catalogue import Catalogue
from schemas.errors import StateError
from schemas.records import CELLS_RECORD, Ledger
from streams.cells.page import Page, decode_page, is_page
from streams.engine.evaluate.memory import Memory
from streams.engine.evaluate.outcome import Outcome
from streams.engine.evaluate.plans import Problem
from streams.engine.evaluate.state import Record, State
from streams.engine.figures import Figure
from streams.engine.rows import VersionedRows
from streams.windows.frontier import Source


class _Taken(NamedTuple):
    """One record of the log, decoded."""

    offset: int
    timestamp_ms: int
    body: Page | Record


class Evaluation:
    """The fold. `version` is the last offset that is in it.

    Order of use: `fold` records and exhaust `advance`, sending what it yields; then `commit`, write its rows,
    write its commit row, and after that is confirmed and acknowledged write what `confirmed` gives.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.version = -1
        self._state = State()
        self._memory = Memory(VersionedRows(owner.encode()))
        self._resume: int | None = None
        self._log: deque[_Taken] = deque()
        self._work: Iterator[Outcome | None] | None = None
        #: outcomes that were made because somebody looked, and are still to be handed over
        self._made: deque[Outcome] = deque()
        self._failed: Exception | None = None

    @classmethod
    def restore(cls, rows: VersionedRows, owner: str) -> "Evaluation":
        """The fold as of the last commit in these rows; StateError when they cannot be read."""
        self = cls(owner)
        rows.recover()
        self._memory = Memory(rows)
        self._resume = self._memory.restore(self._state)
        self.version = rows.version
        if self._state.left:
            self._work = iter([Outcome(self.frontier_ms or 0, self._state.left)])
        return self

    @property
    def frontier_ms(self) -> int | None:
        """The pane end up to which everything is judged; None before the first."""
        return self._state.frontier_ms

    @property
    def catalogue(self) -> Catalogue | None:
        """The catalogue in force."""
        return self._state.closing.catalogue if self._state.closing else None

    @property
    def ledgers(self) -> dict[Source, Ledger]:
        """The newest ledger of each source partition."""
        return self._state.frontier.ledgers

    @property
    def replay_from(self) -> int:
        """The first offset that a restart from a commit made now would need; after `restore`, where to
        begin.
        """
        if self._resume is not None:
            return self._resume
        return min(self._state.pending.offsets(), default=self.version + 1)

    @property
    def settled(self) -> bool:
        """Whether the fold stands between two records, where it can be committed."""
        return self._work is None and not self._made

    def fold(self, offset: int, timestamp_ms: int, value: bytes) -> None:
        """Take one record of the cells topic, in the order of the log; StateError when it cannot be read.

        After a restart records from `replay_from` on are given again; what is in the state is left out.
        """
        try:
            body = decode_page(value) if is_page(value) else CELLS_RECORD.validate_json(value)
        except ValidationError as error:
            raise StateError(f"the cells record at offset {offset} cannot be read: {error}") from error
        self._log.append(_Taken(offset, timestamp_ms, body))

    def advance(self) -> Iterator[Outcome]:
        """What follows from the records taken: an outcome for each judged pane end, several where it is much.

        May be left at any outcome and called again: it goes on where it was.
        """
        return (outcome for outcome in self.steps() if outcome is not None)

    def steps(self) -> Iterator[Outcome | None]:
        """The same with a None between any two steps of bounded size, where something else may be done.

        Within a pane that is closing the fold is not settled; whoever looks at it meanwhile (figures, tiers,
        verdicts, the frontier) lets the pane be closed to its end first, and sees it whole.
        """
        while self._made or self._log or self._work is not None:
            if self._made:
                yield self._made.popleft()
                continue
            if self._work is None:
                self._work = self._take(self._log.popleft())
            yield self._step(self._work)

    def _step(self, work: Iterator[Outcome | None]) -> Outcome | None:
        """One step; what it raises it raises ever after, since a pane may stand half closed."""
        if self._failed is not None:
            raise self._failed
        try:
            return next(work)
        except StopIteration:
            self._work = None
            return None
        except Exception as error:
            self._failed = error
            raise

    def _whole(self) -> State:
        """The state, no pane half closed: what closing it makes waits for `steps`."""
        while self._state.is_closing and self._work is not None:
            made = self._step(self._work)
            if made is not None:
                self._made.append(made)
        return self._state

    def commit(self) -> tuple[list[tuple[bytes, bytes]], tuple[bytes, bytes]]:
        """The rows to be written now, and the commit row to be written after them.

        StateError within a record (see `settled`): not everything that follows from it has been handed over.
        """
        if not self.settled:
            raise StateError("a commit in the middle of a record", remedy="exhaust advance() first")
        return self._memory.commit(self._state, self.version, self.replay_from)

    def confirmed(self) -> list[tuple[bytes, bytes | None]]:
        """After the commit row is acknowledged: the tombstones that may be written now."""
        return self._memory.confirmed()

    def problems(self) -> list[Problem]:
        """What of the catalogue is not in force, and why."""
        return [] if self._state.closing is None else self._state.closing.plans.all_problems()

    def tiers(self) -> Iterator[tuple[str, Scope, str, int]]:
        """Rule, scope, tier and since when, of everything that is not at none; sorted."""
        state = self._whole()
        return iter(()) if state.closing is None else state.closing.tiers()

    def figures_now(self) -> Iterable[Figure]:
        """Every figure as of the frontier, for those who ask in between."""
        state = self._whole()
        if state.closing is None or state.frontier_ms is None:
            return ()
        return state.closing.figures_now(state.frontier_ms)

    def verdicts_now(self) -> Iterable[tuple[str, str, int]]:
        """Rule, reason (`judged`, `warming_up`, `too_few`…) and number of scopes, as of the frontier."""
        state = self._whole()
        if state.closing is None or state.frontier_ms is None:
            return ()
        return state.closing.verdicts_now(state.frontier_ms)

    def _take(self, record: _Taken) -> Iterator[Outcome | None]:
        offset, timestamp_ms, body = record
        if offset <= self.version:
            if isinstance(body, Page):
                self._state.take_again(body, offset)
            return
        self._resume = None
        if isinstance(body, Page):
            early = self._state.take_page(body, offset, timestamp_ms)
            self.version = offset
            yield from early
        else:
            yield from self._state.take(body, timestamp_ms)
            self.version = offset
