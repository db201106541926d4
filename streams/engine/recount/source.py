"""One source partition counted a second time: what became of each record, one after the other.

Decides for each record whether it is refused, a repetition, expired, late or counted, and under which pane
and leaf. Written from the promises, not from measure's code. Keeps no cells: they are somebody else's.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

from schemas.catalogue import Catalogue
from schemas.dimension import OTHER, UNKNOWN
from schemas.events import kinds_of
from schemas.period import MINUTE_MS
from schemas.records import Counts, Ledger
from streams.cells.layout import Leaf
from streams.engine.measure_read import VALUE_BYTES, EventReader
from streams.engine.recount.ids import KnownIds, Sight
from streams.engine.recount.progress import Progress
from streams.windows.panes import Calendar, floor_minute
from streams.windows.spans import PaneGrain

Event = dict[str, Any]
#: values that a source partition keeps apart, as a multiple of the dimension's limit
_SHARE = 4


class LogRecord(Protocol):
    """A record of an input topic; `timestamp` in epoch milliseconds."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class Admitted(NamedTuple):
    """A value of a dimension that a source partition keeps apart, and the offset from which on it does."""

    dimension: str
    value: str
    offset: int


class Pane(NamedTuple):
    """A pane and the start of the minute pane in which its events became known."""

    grain: PaneGrain
    start_ms: int
    known_ms: int

    @property
    def known_end_ms(self) -> int:
        """Once the watermark is here, nothing can be added."""
        return self.known_ms + MINUTE_MS


class Outcome(Enum):
    """What became of a record. DOUBTFUL: nobody can know whether it, or one that moved time on before it,
    is a repetition."""

    COUNTED = "counted"
    LATE = "late"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    REFUSED = "refused"
    DOUBTFUL = "doubtful"


class Verdict(NamedTuple):
    """The outcome; for what is counted or late also where, and how long it was on its way.

    `maybe`: the panes of which one may have counted what is doubtful.
    """

    outcome: Outcome
    pane: Pane | None = None
    leaf: Leaf = ()
    delay_ms: int = 0
    maybe: tuple[Pane, ...] = ()


class Limits(NamedTuple):
    """The settings of measure that decide what is counted."""

    dedupe_entries: int = 1_000_000
    value_bytes: int = VALUE_BYTES


_LIMITS = Limits()


class Recount:
    """The recount of one source partition. Mutable; records are given in the order of their offsets.

    `learning`: the log before its first record is not known; `resume` says from where on everything is.
    """

    def __init__(
        self, topic: str, catalogue: Catalogue, limits: Limits = _LIMITS, *, learning: bool = False
    ) -> None:
        installation = catalogue.installation
        self._future_ms, self._disorder_ms = installation.future_limit.ms, installation.disorder.ms
        self._kept: tuple[tuple[PaneGrain, int], ...] = (
            ("m", installation.keep_minutes.ms),
            ("h", installation.keep_hours.ms),
            ("d", installation.keep_days.ms),
        )
        self._calendar = Calendar(installation.time_zone, installation.week_start)
        self._reader = EventReader(kinds_of(topic), catalogue, limits.value_bytes)
        self._rooms = [(one.id, one.limit * _SHARE) for one in catalogue.dimensions]
        self._admitted: dict[str, set[str]] = {name: set() for name, _ in self._rooms}
        self.ids = KnownIds(installation.dedupe_horizon.ms, limits.dedupe_entries, learning=learning)
        self._progress = Progress(None)
        self._told: frozenset[Admitted] = frozenset()
        self.seen = dict.fromkeys(Outcome, 0)
        self.other = 0

    def resume(self, ledger: Ledger, values: Iterable[Admitted]) -> None:
        """Everything is known as of this ledger: go on from its numbers and these admitted values.

        Of the values admitted later those are believed that a doubtful event brought: they took up room.
        """
        self.ids.learned()
        self._progress = Progress(ledger.watermark_ms)
        counts = ledger.counts
        self.seen = {
            Outcome.COUNTED: counts.counted - counts.late,
            Outcome.LATE: counts.late,
            Outcome.DUPLICATE: counts.duplicate,
            Outcome.EXPIRED: counts.expired,
            Outcome.REFUSED: counts.refused,
            Outcome.DOUBTFUL: 0,
        }
        self.other = ledger.other
        self._admitted = {name: set() for name, _ in self._rooms}
        self._told = frozenset(values)
        for name, value, offset in self._told:
            if name in self._admitted and offset <= ledger.stamp:
                self._admitted[name].add(value)

    @property
    def watermark_ms(self) -> int | None:
        """How far the partition has come for certain."""
        return self._progress.watermark_ms

    @property
    def counts(self) -> Counts:
        """The numbers of a ledger; what is doubtful is only received."""
        late = self.seen[Outcome.LATE]
        return Counts(
            received=sum(self.seen.values()),
            counted=self.seen[Outcome.COUNTED] + late,
            duplicate=self.seen[Outcome.DUPLICATE],
            late=late,
            expired=self.seen[Outcome.EXPIRED],
            refused=self.seen[Outcome.REFUSED],
        )

    def read(self, records: Sequence[LogRecord]) -> Iterator[tuple[LogRecord, Event | None]]:
        """The records with their events; None where the worker's reader refuses it."""
        return zip(records, self._reader.read([record.value for record in records]).events, strict=True)

    def step(self, record: LogRecord, event: Event | None) -> Verdict:
        """What becomes of the next record."""
        verdict = self._judge(record, event)
        self.seen[verdict.outcome] += 1
        return verdict

    def _judge(self, record: LogRecord, event: Event | None) -> Verdict:
        if event is None or event["occurred_at"] > record.timestamp + self._future_ms:
            return Verdict(Outcome.REFUSED)
        sight = self.ids.meet(event["event_id"], record.timestamp)
        if sight is Sight.REPEATED:
            return Verdict(Outcome.DUPLICATE)
        return self._place(record, event, certain=sight is Sight.NEW)

    def _place(self, record: LogRecord, event: Event, *, certain: bool) -> Verdict:
        """Where an event counts that is no repetition, or (not `certain`) may be one."""
        at, dimensions = event["occurred_at"], event.get("dimensions") or {}
        panes = {self._pane(at, watermark_ms) for watermark_ms in self._progress.possible}
        reached_ms = min(at, record.timestamp) - self._disorder_ms
        self._progress.pass_by(floor_minute(at), reached_ms, certain=certain)
        if not certain or len(panes) > 1:
            self._believe(dimensions, record.offset)
            return Verdict(Outcome.DOUBTFUL, maybe=tuple(pane for pane in panes if pane is not None))
        [pane] = panes
        if pane is None:
            return Verdict(Outcome.EXPIRED)
        is_on_time = pane.grain == "m" and pane.start_ms == pane.known_ms
        outcome = Outcome.COUNTED if is_on_time else Outcome.LATE
        return Verdict(outcome, pane, self._leaf(dimensions), max(0, record.timestamp - at))

    def _pane(self, at_ms: int, watermark_ms: int) -> Pane | None:
        """Where an event of this time counts when the partition has come so far; None: it has expired."""
        minute = floor_minute(at_ms)
        if minute + MINUTE_MS > watermark_ms:
            return Pane("m", minute, minute)
        known = floor_minute(watermark_ms)
        if known - minute > self._kept[-1][1]:
            return None
        finest = next(grain for grain, keep_ms in self._kept if known - minute <= keep_ms)
        return Pane(finest, self._calendar.floor(finest, at_ms), known)

    def _believe(self, dimensions: dict[str, str | None], offset: int) -> None:
        """Admit those values of a doubtful event of which it is written that it brought them."""
        for name, admitted in self._admitted.items():
            value = dimensions.get(name) or UNKNOWN
            if (name, value, offset) in self._told:
                admitted.add(value)

    def _leaf(self, dimensions: dict[str, str | None]) -> Leaf:
        """Its values, or `other` where a dimension has too many."""
        leaf = []
        moved = False
        for name, room in self._rooms:
            value, admitted = dimensions.get(name) or UNKNOWN, self._admitted[name]
            if value not in admitted and value not in (UNKNOWN, OTHER):
                if len(admitted) < room:
                    admitted.add(value)
                else:
                    value, moved = OTHER, True
            leaf.append(value)
        self.other += moved
        return tuple(leaf)
