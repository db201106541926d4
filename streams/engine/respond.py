"""Stage three: a fold over the inbox that turns transitions into incidents, deadlines and notices.

Time is the largest timestamp of the workers' own records (transitions, ticks, receipts, alerts); a command,
which may come from a machine with a wrong clock, does not move it. The same inbox gives the same incidents
and the same notices by id, wherever it is cut by a restart: notices stay in the outbox, a part of the state,
until their receipt is read.
"""

from typing import Any

from pydantic import ValidationError

from schemas.base import EpochMs
from schemas.catalogue import Catalogue
from schemas.incident import Incident, Reason
from schemas.records import INBOX_RECORD, Acknowledge, Notice, Report, Silence, Solve, Tick
from streams.engine.respond_page import page
from streams.engine.respond_state import Outgoing, ResponseState
from streams.engine.respond_tell import ordinary_places
from streams.engine.respond_turn import Turn
from streams.engine.rows import VersionedRows

#: what people send: their machines' clocks do not move time
_TIMELESS = (Acknowledge, Solve, Report, Silence)


class Response:
    """The fold over the inbox.

    Call `fold` per record, then `commit`, write its rows and the commit row, have it acknowledged, call
    `confirmed` (its tombstones may be written any time later), and send what `take` gives. After `restore`,
    send what is `pending`. A notice stays in the outbox until a Receipt with its id is folded.
    """

    def __init__(self, owner: str, *, outbox: int = 10_000) -> None:
        self.state = ResponseState()
        self.version = -1
        self._rows = VersionedRows(owner.encode())
        self._outbox = outbox
        self._fresh: list[str] = []
        self._committing: list[str] = []
        self._safe: list[str] = []
        self._changed = False

    @classmethod
    def restore(cls, rows: VersionedRows, owner: str, *, outbox: int = 10_000) -> "Response":
        """The fold as of the last commit in `rows` (recovered); StateError when a row cannot be read."""
        response = cls(owner, outbox=outbox)
        response._rows = rows
        response.version = rows.version
        response.state = ResponseState.read(rows)
        return response

    @property
    def catalogue(self) -> Catalogue | None:
        """The catalogue in force; None before the first."""
        return self.state.catalogue

    @property
    def now_ms(self) -> EpochMs:
        """The record time that the fold has reached."""
        return self.state.now_ms

    @property
    def counts(self) -> dict[str, int]:
        """How many `notices`, `receipt_<outcome>`, and how often each `Reason`; cumulative."""
        return {str(reason): count for reason, count in self.state.counts.items()}

    @property
    def changed(self) -> bool:
        """Something other than time has changed since the last commit."""
        return self._changed

    @property
    def full(self) -> bool:
        """So many notices wait for their receipts that one of an ordinary tier has no place."""
        return len(self.state.outbox) >= ordinary_places(self._outbox)

    def incidents(self) -> list[Incident]:
        """Every incident that is kept: open ones first, gravest and newest first within."""
        catalogue = self.catalogue
        ranks = {name: i for i, name in enumerate(catalogue.ladder)} if catalogue else {}
        return sorted(
            self.state.incidents.values(),
            key=lambda one: (not one.is_open, -ranks.get(one.tier, -1), -one.opened_ms, one.id),
        )

    def news(self) -> list[tuple[str, Incident | None]]:
        """The incidents that changed since the last call, by id; None for one that is no longer kept."""
        names, self.state.news = self.state.news, {}
        return [(name, self.state.incidents.get(name)) for name in names]

    def incidents_json(self) -> dict[str, Any]:
        """What the page `/incidents` serves and `planwatch incidents` reads."""
        return page(self.state, self.incidents(), self.version)

    def fold(self, offset: int, timestamp_ms: EpochMs, value: bytes | None) -> None:
        """Take one record of the inbox; what lies at or before the version is skipped. Raises nothing."""
        if offset <= self.version:
            return
        self._fold(offset, timestamp_ms, value)
        self._fresh += self.state.made
        self.state.made = []
        self.version = offset

    def take(self) -> list[Notice]:
        """The notices made since the last call whose commit is confirmed, in order; each is given once."""
        safe, self._safe = self._safe, []
        return self._still_waiting(safe)

    def pending(self) -> list[Notice]:
        """All that waits in the outbox for a receipt, in order: after `restore`, what must be sent again."""
        return [one.notice for one in self._waiting()]

    def commit(self) -> tuple[list[tuple[bytes, bytes]], tuple[bytes, bytes]]:
        """The rows to write, then the commit row, to be sent when those are confirmed."""
        rows = self.state.write(self._rows, self.version)
        self._committing += self._fresh
        self._fresh, self._changed = [], False
        return rows, self._rows.commit(self.state.summary(), self.version)

    def confirmed(self) -> list[tuple[bytes, None]]:
        """The commit is confirmed: its notices may go out; gives the tombstones that may be written now."""
        self._safe += self._committing
        self._committing = []
        return self._rows.confirmed()

    def _waiting(self) -> list[Outgoing]:
        return sorted(self.state.outbox.values(), key=lambda one: one.number)

    def _still_waiting(self, names: list[str]) -> list[Notice]:
        found = (self.state.outbox.get(name) for name in dict.fromkeys(names))
        waiting = sorted((one for one in found if one is not None), key=lambda one: one.number)
        return [one.notice for one in waiting]

    def _fold(self, offset: int, timestamp_ms: EpochMs, value: bytes | None) -> None:
        try:
            record = INBOX_RECORD.validate_json(value or b"")
        except ValidationError:
            self.state.counts[Reason.UNREADABLE] += 1
            return
        if not isinstance(record, _TIMELESS):
            self.state.now_ms = max(self.state.now_ms, timestamp_ms)
        turn = Turn(self.state, offset, self._outbox)
        turn.wake()
        turn.take(record)
        turn.sweep()
        self._changed = self._changed or not isinstance(record, Tick) or turn.acted
