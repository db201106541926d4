"""How far event time has come: the pane end up to which every source partition has been heard.

Decides from rosters and ledgers alone, in the order of the log, with the records' own timestamps. Silence
holds time; only a partition that its owner declared idle is left out; when all are idle, time goes on by
the time that has elapsed, never to the clock. Time never goes back.
"""

from collections.abc import Iterable

from schemas.period import MINUTE_MS
from schemas.records import Ledger, Roster

#: after all were silent and one begins again, others get this long to show up before panes close
SETTLE_MS = 2_000

Source = tuple[str, int]


class Frontier:
    """The state from which `reached` follows.

    >>> frontier = Frontier()
    >>> frontier.enrol(Roster(partitions={"sales": 1}))
    >>> frontier.hear(Ledger(topic="sales", partition=0, stamp=5, watermark_ms=125_000), 0)
    >>> frontier.reached(0)
    120000
    """

    def __init__(self) -> None:
        self.roster: dict[str, int] = {}
        self.ledgers: dict[Source, Ledger] = {}
        self.settle_ms: int | None = None

    def enrol(self, roster: Roster) -> None:
        """From here on these source partitions count; ledgers of others are forgotten."""
        self.roster = dict(roster.partitions)
        members = set(self._members())
        self.ledgers = {source: ledger for source, ledger in self.ledgers.items() if source in members}

    def hear(self, ledger: Ledger, timestamp_ms: int) -> None:
        """Take a ledger; one with a lower stamp comes from an owner whose time is over, and is ignored."""
        source = (ledger.topic, ledger.partition)
        known = self.ledgers.get(source)
        if known is not None and ledger.stamp < known.stamp:
            return
        if ledger.opened and all(_silent(other) for other in self._heard()):
            self.settle_ms = timestamp_ms + SETTLE_MS
        watermark = _later(known.watermark_ms if known else None, ledger.watermark_ms)
        if watermark != ledger.watermark_ms:
            ledger = ledger.model_copy(update={"watermark_ms": watermark})
        self.ledgers[source] = ledger

    def watermark(self, source: Source) -> int | None:
        """How far this source partition itself has come; None before its first event."""
        ledger = self.ledgers.get(source)
        return ledger.watermark_ms if ledger else None

    def reached(self, timestamp_ms: int) -> int | None:
        """The pane end that everybody has passed as of a record with this timestamp; None: nobody knows
        yet.
        """
        if self.settle_ms is not None:
            if timestamp_ms < self.settle_ms:
                return None
            self.settle_ms = None
        heard = self._heard()
        if not heard or len(heard) < sum(self.roster.values()):
            return None
        awake = [ledger for ledger in heard if not ledger.idle]
        return _slowest(awake) if awake else _elapsed(heard)

    def _members(self) -> Iterable[Source]:
        return ((topic, part) for topic in sorted(self.roster) for part in range(self.roster[topic]))

    def _heard(self) -> list[Ledger]:
        return [self.ledgers[source] for source in self._members() if source in self.ledgers]


def _silent(ledger: Ledger) -> bool:
    return ledger.idle or ledger.watermark_ms is None


def _slowest(awake: list[Ledger]) -> int | None:
    marks = [ledger.watermark_ms for ledger in awake]
    known = [mark for mark in marks if mark is not None]
    return _floor(min(known)) if len(known) == len(marks) else None


def _elapsed(idle: list[Ledger]) -> int | None:
    known = [ledger.watermark_ms for ledger in idle if ledger.watermark_ms is not None]
    return _floor(max(known) + min(ledger.idle_ms for ledger in idle)) if known else None


def _floor(ms: int) -> int:
    return ms - ms % MINUTE_MS


def _later(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)
