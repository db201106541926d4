"""The topics that the state of a partition was begun on, by the ids that Kafka gave them for their lives.

They stand in its changelog before any other row, and are written once. A topic that was made anew has another
id, however long it has become since. A changelog that was made anew while a worker still wrote into it has
rows and no origin. Either way a part of the state is missing, and nothing else tells: where the logs are
longer again than they were, every offset looks as it should.

The names of owners begin with a mark of their changelog. A worker that slept while the changelog was made
anew, and wakes, writes rows of another mark: they are of another life, and nobody reads them. What such a
worker sends to other topics is not told apart; `planwatch rebuild` asks that every worker has ended. Where
nothing at all is left, no row and no acknowledgement, a state begins anew.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from faust.types import TP

from agents.claim import CLAIM
from schemas.errors import LogTruncatedError, StateError
from streams.state import Apply, read_changelog

if TYPE_CHECKING:
    from agents.stage import Stage

ORIGIN = b"origin"
_MARK = 6
_DASH, _SEPARATOR = b"-", b"\x00"


class Rows:
    """A changelog's records on their way to `apply`, but for origin, claims and rows of another mark."""

    def __init__(self, apply: Apply, mark: str = "") -> None:
        self._apply = apply
        self._mark = mark.encode()
        self.count = 0
        self.origin: dict[str, str] | None = None

    def take(self, key: bytes, value: bytes | None) -> None:
        """One record, in the order of the log."""
        if key == ORIGIN:
            self.origin = orjson.loads(value or b"{}")
        elif key != CLAIM and not self._is_of_another_life(key):
            self.count += 1
            self._apply(key, value)

    def _is_of_another_life(self, key: bytes) -> bool:
        mark, dash, _ = key[key.rfind(_SEPARATOR) + 1 :].partition(_DASH)
        return bool(dash and self._mark) and mark != self._mark


def mark_of(topic_id: str) -> str:
    """What owners' names of a changelog with this id begin with; nothing where a broker gives no ids.

    >>> mark_of("6f0xZJ1aQ2u0u1x3Jd2eXw"), mark_of("")
    ('951e98', '')
    """
    return hashlib.sha256(topic_id.encode()).hexdigest()[:_MARK] if topic_id else ""


def check_origin(changelog: str, rows: Rows, ids: Mapping[str, str], remedies: Mapping[str, str]) -> None:
    """Refuse a state that was begun on other topics than there are now.

    `ids`: those of today, "" or absent where a broker gives none. Raises StateError: the changelog lost its
    beginning; LogTruncatedError: a topic is not the one that it was.
    """
    if rows.origin is None and rows.count:
        raise StateError(
            f"{changelog} has rows and not their beginning: this changelog was re-created or cut, or an "
            "earlier version wrote it",
            remedy=remedies[changelog],
        )
    for topic, begun in (rows.origin or {}).items():
        if begun and ids.get(topic) and ids[topic] != begun:
            raise LogTruncatedError(
                f"topic {topic} was deleted and made anew since {changelog} was begun",
                remedy=f"if that was meant: {remedies[topic]}",
            )


class Origins:
    """The origins of one stage's partitions: checked whenever a state is read back, written once."""

    def __init__(self, stage: "Stage[Any]") -> None:
        self._stage = stage
        self._unwritten: set[TP] = set()
        #: how a changelog is read; a test's needs no broker
        self.reader = read_changelog

    async def read(self, tp: TP, apply: Apply) -> None:
        """Feed the changelog of a partition to `apply`; raises as `check_origin`."""
        stage, changelog = self._stage, self._changelog(tp)
        ids = await stage.watch.topics.ids()
        rows = Rows(apply, mark_of(ids.get(changelog, "")))
        await self.reader(stage.settings.kafka.bootstrap, changelog, tp.partition, rows.take)
        check_origin(changelog, rows, ids, stage.lives_on())
        self._unwritten.discard(tp)
        if rows.origin is None or any(ids.get(topic) for topic, begun in rows.origin.items() if not begun):
            self._unwritten.add(tp)

    async def owner(self, tp: TP) -> str:
        """A name for a new ownership, by which its rows are told from those of another changelog's life."""
        ids = await self._stage.watch.topics.ids()
        marks = (mark_of(ids.get(self._changelog(tp), "")), self._stage.wiring.new_owner())
        return "-".join(filter(None, marks))

    def _changelog(self, tp: TP) -> str:
        return self._stage.names.changelog(self._stage.name, tp.topic)

    async def write(self, tp: TP) -> None:
        """Write the origin of a state that has none; only once it is known that nothing can be missing.

        Of topics that are asked for now, and that are those of the first look: a state must not be refused
        for ever because somebody was slow.
        """
        if tp not in self._unwritten:
            return
        now = await self._stage.watch.topics.ids_now()
        value = orjson.dumps({topic: now[topic] for topic in self._stage.builds_on(tp)})
        await self._stage.sender.rows(self._changelog(tp), tp.partition, [(ORIGIN, value)])
        self._unwritten.discard(tp)
