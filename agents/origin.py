"""The topics that the state of a partition was begun on, by the ids that Kafka gave them for their lives.

They stand in its changelog before any other row, and are written once. A topic that was made anew has another
id, however long it has become since. A changelog that was made anew while a worker still wrote into it has
rows and no origin. Either way a part of the state is missing, and nothing else tells: where the logs are
longer again than they were, every offset looks as it should.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from faust.types import TP

from schemas.errors import LogTruncatedError, StateError
from streams.state import Apply, read_changelog

if TYPE_CHECKING:
    from agents.stage import Stage

ORIGIN = b"origin"


class Rows:
    """A changelog's records on their way to `apply`; the origin is kept back."""

    def __init__(self, apply: Apply) -> None:
        self._apply = apply
        self.count = 0
        self.origin: dict[str, str] | None = None

    def take(self, key: bytes, value: bytes | None) -> None:
        """One record, in the order of the log."""
        if key == ORIGIN:
            self.origin = orjson.loads(value or b"{}")
        else:
            self.count += 1
            self._apply(key, value)


def check_origin(changelog: str, rows: Rows, ids: Mapping[str, str], remedies: Mapping[str, str]) -> None:
    """Refuse a state that was begun on other topics than there are now.

    `ids`: those of today, "" or absent where a broker gives none. Raises StateError: the changelog lost its
    beginning; LogTruncatedError: a topic is not the one that it was.
    """
    if rows.origin is None and rows.count:
        raise StateError(
            f"{changelog} has rows and not their beginning: this changelog was re-created or cut",
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
        stage = self._stage
        changelog, rows = stage.names.changelog(stage.name, tp.topic), Rows(apply)
        await self.reader(stage.settings.kafka.bootstrap, changelog, tp.partition, rows.take)
        check_origin(changelog, rows, await stage.watch.topics.ids(), stage.lives_on())
        self._unwritten -= {tp}
        self._unwritten |= {tp} if rows.origin is None else set()

    async def write(self, tp: TP) -> None:
        """Write the origin of a state that has none; only once it is known that nothing can be missing."""
        if tp not in self._unwritten:
            return
        stage = self._stage
        known = await stage.watch.topics.ids()
        value = orjson.dumps({topic: known.get(topic, "") for topic in stage.builds_on(tp)})
        changelog = stage.names.changelog(stage.name, tp.topic)
        await stage.sender.rows(changelog, tp.partition, [(ORIGIN, value)])
        self._unwritten.discard(tp)
