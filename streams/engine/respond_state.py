"""What respond remembers: incidents, marks, silences, outbox and catalogue, as rows of a changelog.

It knows which rows changed since the last commit and how each is stored. It refuses to know what they mean.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from schemas.base import EpochMs, Model
from schemas.catalogue import Catalogue
from schemas.errors import StateError
from schemas.incident import Incident, Reason, incident_key
from schemas.records import Notice, Silence
from streams.decisions.obligation import next_due
from streams.decisions.routing import covers
from streams.engine.rows import VersionedRows

M = TypeVar("M", bound=Model)


class Mark(Model):
    """The last transition of a rule and scope that was taken, and when it was read."""

    end_ms: EpochMs
    seq: int
    at_ms: EpochMs


class Outgoing(Model):
    """A notice that waits for its receipt; `number` orders them by the record that made them.

    `end_ms` is the pane end of its transition: a newer rung of the same pane end replaces it.
    """

    notice: Notice
    number: tuple[int, int]
    end_ms: EpochMs


class Summary(Model):
    """The commit's body: what belongs to no row."""

    now_ms: EpochMs = 0
    swept_ms: EpochMs = 0
    left_over: int = 0
    frontier_ms: EpochMs = 0
    counts: dict[str, int] = Field(default_factory=dict)


class Table(Generic[M]):
    """One kind of row by its key; remembers what changed since the last `changes`."""

    def __init__(self, prefix: bytes, model: type[M]) -> None:
        self.prefix = prefix
        self._codec: TypeAdapter[M] = TypeAdapter(model)
        self._rows: dict[str, M] = {}
        self._dirty: dict[str, None] = {}
        self._stored: set[str] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: str) -> M:
        return self._rows[key]

    def get(self, key: str) -> M | None:
        """The row, or None."""
        return self._rows.get(key)

    def values(self) -> list[M]:
        """All rows, in no order that matters: sort before it shows."""
        return list(self._rows.values())

    def items(self) -> list[tuple[str, M]]:
        """All keys and rows."""
        return list(self._rows.items())

    def put(self, key: str, row: M) -> None:
        """Set a row."""
        self._rows[key] = row
        self._dirty[key] = None

    def pop(self, key: str) -> M | None:
        """Take a row out; None when it was not there."""
        if key in self._rows:
            self._dirty[key] = None
        return self._rows.pop(key, None)

    def load(self, key: bytes, body: bytes) -> None:
        """Take a row from recovery; StateError when it cannot be read."""
        name = key.removeprefix(self.prefix).decode()
        try:
            self._rows[name] = self._codec.validate_json(body)
        except ValidationError as error:
            raise StateError(f"the stored row {key!r} is not ours", remedy="planwatch rebuild") from error
        self._stored.add(name)

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """The rows that changed since the last time, None for one that is gone and had been stored."""
        dirty, self._dirty = self._dirty, {}
        for key in dirty:
            row = self._rows.get(key)
            if row is not None:
                self._stored.add(key)
                yield self.prefix + key.encode(), self._codec.dump_json(row, by_alias=True)
            elif key in self._stored:
                self._stored.discard(key)
                yield self.prefix + key.encode(), None


def _by_age(incidents: Iterable[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda one: (one.opened_ms, one.id))


class ResponseState:
    """All tables of respond, and the numbers that stand in the commit.

    `open` leads from an incident's key to its id while it is open; `waiting` from an incident to its notices
    in the outbox. `counts` is cumulative: how many notices, and how often each reason.
    """

    def __init__(self) -> None:
        self.incidents = Table(b"i/", Incident)
        self.marks = Table(b"m/", Mark)
        self.silences = Table(b"s/", Silence)
        self.outbox = Table(b"o/", Outgoing)
        self.catalogues = Table(b"c/", Catalogue)
        self.open: dict[str, str] = {}
        self._cuts: dict[tuple[str, ...], dict[str, None]] = {}
        self._untold: dict[Reason, dict[str, None]] = {}
        self.waiting: dict[str, dict[str, None]] = {}
        self.made: list[str] = []
        #: incidents that were kept or let go since somebody asked
        self.news: dict[str, None] = {}
        self._alarms: list[tuple[EpochMs, str]] = []
        self._alarmed: set[tuple[EpochMs, str]] = set()
        self.now_ms: EpochMs = 0
        self.swept_ms: EpochMs = 0
        #: incidents that were over and kept when they were last looked at
        self.left_over = 0
        self.frontier_ms: EpochMs = 0
        self.counts: Counter[str] = Counter()

    @property
    def catalogue(self) -> Catalogue | None:
        """The catalogue in force; None before the first one arrived."""
        return self.catalogues.get("")

    def open_of(self, key: str) -> Incident | None:
        """The open incident of this key."""
        return self.incidents.get(self.open.get(key, ""))

    @property
    def over(self) -> int:
        """How many incidents are kept that are over."""
        return len(self.incidents) - len(self.open)

    def untold(self, reason: Reason) -> list[Incident]:
        """The open incidents whose tier was told to nobody for this reason, oldest first."""
        return _by_age(self.incidents[name] for name in self._untold.get(reason, {}))

    def around(self, incident: Incident) -> list[Incident]:
        """The open incidents of the same rule whose scope is this one's with fewer dimensions."""
        rule, scope = incident.rule, incident.scope
        wider = (cut for cut in self._cuts if cut[0] == rule and len(cut) <= len(scope))
        keys = (
            incident_key(rule, {name: scope[name] for name in cut[1:]})
            for cut in wider
            if scope.keys() >= set(cut[1:])
        )
        return [self.incidents[self.open[key]] for key in keys if key in self.open]

    def inside(self, incident: Incident) -> list[Incident]:
        """The open incidents of the same rule whose scope lies within this one's, oldest first."""
        rule, scope = incident.rule, incident.scope
        narrower = (keys for cut, keys in self._cuts.items() if cut[0] == rule and len(cut) > len(scope) + 1)
        candidates = (self.incidents[self.open[key]] for keys in narrower for key in keys)
        return _by_age(one for one in candidates if covers(scope, one.scope))

    def keep(self, incident: Incident) -> None:
        """Store an incident as it stands now."""
        self.incidents.put(incident.id, incident)
        self.news[incident.id] = None
        self._index(incident)

    def forget(self, name: str) -> None:
        """Let go of an incident that is over."""
        self.incidents.pop(name)
        self.news[name] = None

    def _index(self, incident: Incident) -> None:
        keys = self._cuts.setdefault((incident.rule, *sorted(incident.scope)), {})
        if incident.is_open:
            self.open[incident.key] = incident.id
            keys[incident.key] = None
        elif self.open.get(incident.key) == incident.id:
            del self.open[incident.key]
            del keys[incident.key]
        for names in self._untold.values():
            names.pop(incident.id, None)
        if incident.is_open and incident.untold is not None:
            self._untold.setdefault(incident.untold, {})[incident.id] = None
        self.wake_by(incident.tell_at_ms, incident.id)
        self.wake_by(next_due(incident.obligations), incident.id)

    def wake_by(self, at_ms: EpochMs | None, name: str) -> None:
        """Something is to be done about the incident or silence of this name at this time."""
        if at_ms is not None and (at_ms, name) not in self._alarmed:
            self._alarmed.add((at_ms, name))
            heappush(self._alarms, (at_ms, name))

    def ring(self) -> set[str]:
        """The names about which something was to be done by now; it may have been done already."""
        names: set[str] = set()
        while self._alarms and self._alarms[0][0] <= self.now_ms:
            alarm = heappop(self._alarms)
            self._alarmed.discard(alarm)
            names.add(alarm[1])
        return names

    def send_out(self, outgoing: Outgoing) -> None:
        """Put a notice into the outbox; `made` holds its id until somebody takes it from there."""
        self.made.append(outgoing.notice.id)
        self.outbox.put(outgoing.notice.id, outgoing)
        self.waiting.setdefault(outgoing.notice.incident, {})[outgoing.notice.id] = None

    def take_back(self, notice: str) -> Outgoing | None:
        """Take a notice out of the outbox; None when it does not wait there."""
        outgoing = self.outbox.pop(notice)
        if outgoing is not None:
            of_incident = self.waiting[outgoing.notice.incident]
            del of_incident[notice]
            if not of_incident:
                del self.waiting[outgoing.notice.incident]
        return outgoing

    def waiting_of(self, incident: str) -> list[Outgoing]:
        """The notices of an incident that wait for a receipt."""
        found = (self.outbox.get(name) for name in self.waiting.get(incident, {}))
        return [one for one in found if one is not None]

    def write(self, rows: VersionedRows, version: int) -> list[tuple[bytes, bytes]]:
        """The changelog records of every row that changed."""
        changes = (change for table in self._tables() for change in table.changes())
        records = (
            rows.delete(key, version) if body is None else rows.put(key, body, version)
            for key, body in changes
        )
        return [record for record in records if record is not None] + rows.adopt(version)

    def summary(self) -> bytes:
        """The commit's body."""
        counts = {str(reason): count for reason, count in sorted(self.counts.items())}
        summary = Summary(
            now_ms=self.now_ms,
            swept_ms=self.swept_ms,
            left_over=self.left_over,
            frontier_ms=self.frontier_ms,
            counts=counts,
        )
        return summary.model_dump_json().encode()

    @classmethod
    def read(cls, rows: VersionedRows) -> "ResponseState":
        """The state as of the last commit in recovered rows; StateError when a row cannot be read."""
        state = cls()
        tables = {table.prefix: table for table in state._tables()}
        for key, body in rows.items():
            if key[:2] not in tables:
                raise StateError(f"the stored row {key!r} belongs to no table", remedy="planwatch rebuild")
            tables[key[:2]].load(key, body)
        for incident in state.incidents.values():
            state._index(incident)
        for name, outgoing in state.outbox.items():
            state.waiting.setdefault(outgoing.notice.incident, {})[name] = None
        if rows.commit_body:
            state._resume(Summary.model_validate_json(rows.commit_body))
        for silence in state.silences.values():
            state.wake_by(silence.until_ms, silence.id)
        return state

    def _resume(self, summary: Summary) -> None:
        self.now_ms, self.swept_ms = summary.now_ms, summary.swept_ms
        self.left_over, self.frontier_ms = summary.left_over, summary.frontier_ms
        self.counts.update(summary.counts)

    def _tables(
        self,
    ) -> "tuple[Table[Incident], Table[Mark], Table[Silence], Table[Outgoing], Table[Catalogue]]":
        return self.incidents, self.marks, self.silences, self.outbox, self.catalogues
