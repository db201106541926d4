"""What `audit` and `events` read of a live installation: its cells topic, changelogs and logs.

Writes nothing to Kafka. Pages wait in a temporary file, packed, so that however many were written, only those
of the moment are in memory.
"""

import tempfile
import zlib
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from typing import NamedTuple, Self

import orjson

from schemas.base import Scope
from schemas.catalogue import Catalogue
from schemas.errors import InputError, StateError, TopicsError
from streams.broker import Reader, Stored
from streams.engine.evaluate.packing import VALUES
from streams.engine.recount.source import Admitted
from streams.engine.recount.written import Shelf, Source, Written
from streams.engine.rows import VersionedRows
from streams.topics import Names

#: pages in memory that may soon be replaced
_FRESH = 2048
_SEPARATOR = b"\x00"


class PageFile:
    """A shelf for pages: the newest in memory, the others in a temporary file that goes with it.

    >>> with PageFile(fresh=1) as shelf:
    ...     for name in "abca": shelf.put(name, name.encode() * 2)
    ...     shelf.get("a"), shelf.get("b")
    (b'aa', b'bb')
    """

    def __init__(self, fresh: int = _FRESH) -> None:
        self._room = fresh
        self._fresh: dict[Hashable, bytes] = {}
        self._places: dict[Hashable, tuple[int, int]] = {}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the shelf
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, name: Hashable, value: bytes) -> None:
        """Keep it; the pages that have not been replaced for longest go to the file."""
        self._fresh.pop(name, None)
        self._fresh[name] = value
        while len(self._fresh) > self._room:
            oldest = next(iter(self._fresh))
            packed = zlib.compress(self._fresh.pop(oldest), 1)
            self._file.seek(self._end)
            self._file.write(packed)
            self._places[oldest] = (self._end, len(packed))
            self._end += len(packed)

    def get(self, name: Hashable) -> bytes:
        """What was put there last."""
        if name in self._fresh:
            return self._fresh[name]
        begin, length = self._places[name]
        self._file.seek(begin)
        return zlib.decompress(self._file.read(length))


Told = Callable[[str, int, int], None]


class Chosen(NamedTuple):
    """Which source partitions are read: of one topic, and of one partition of it, if named."""

    topic: str = ""
    partition: int | None = None


class Installation:
    """The topics of one installation, as they are read."""

    def __init__(self, reader: Reader, names: Names, catalogue: Catalogue, told: Told) -> None:
        self._reader, self._names, self._catalogue, self._told = reader, names, catalogue, told

    def sources(self, chosen: Chosen) -> list[Source]:
        """The source partitions that are chosen; InputError when there are none."""
        named = (chosen.topic, f"{self._names.prefix}.{chosen.topic}")
        topics = [topic for topic in self._names.inputs if not chosen.topic or topic in named]
        found = [(topic, part) for topic in topics for part in self._reader.partitions(topic)]
        if not found and topics:
            raise TopicsError(f"missing: {', '.join(topics)}", remedy="run `planwatch topics apply`")
        found = [one for one in found if chosen.partition in (None, one[1])]
        if not found:
            remedy = f"topics: {', '.join(self._names.inputs)}"
            raise InputError(f"no source partition {_shown(chosen)}", remedy=remedy)
        return found

    def written(self, shelf: Shelf) -> tuple[Written, bool]:
        """What the cells topic says, and whether it still begins at its beginning."""
        topic = self._names.cells
        if not self._reader.partitions(topic):
            raise TopicsError(f"missing: {topic}", remedy="run `planwatch topics apply`")
        whole = self._reader.bounds(topic, 0)[0] == 0
        written = Written(self._catalogue, shelf, whole=whole)
        for records in self._records("cells", (topic, 0)):
            for record in records:
                if record.value:
                    written.take(record.value, record.timestamp)
        return written, whole

    def changelog(self, source: Source, written: Written) -> list[Admitted]:
        """Take in the live pages of a source partition; gives the dimension values that it admitted."""
        topic, partition = source
        changelog = self._names.changelog("measure", topic)
        values: list[Admitted] = []
        if partition not in self._reader.partitions(changelog):
            return values
        for records in self._reader.read(changelog, partition):
            for record in records:
                name = (record.key or b"").rpartition(_SEPARATOR)[0]
                if record.value and name.startswith(b"page|"):
                    written.page(record.value)
                elif record.value and name.startswith(b"values|"):
                    values += _values(record.value)
        return values

    def settled(self, scope: Scope) -> dict[str, set[str]]:
        """The values that evaluate keeps apart, for each dimension of the scope that has no more room."""
        changelog = self._names.changelog("evaluate", self._names.cells)
        if not scope or not self._reader.partitions(changelog):
            return {}
        rows = VersionedRows(b"")
        for records in self._records("dimension values", (changelog, 0)):
            for record in records:
                if record.key and record.key.startswith((b"commit", VALUES)):
                    rows.apply(record.key, record.value)
        rows.recover()
        found = {key.removeprefix(VALUES).decode(): set(orjson.loads(body)) for key, body in rows.items()}
        limits = {one.id: one.limit for one in self._catalogue.dimensions if one.id in scope}
        return {name: found[name] for name in limits if len(found.get(name, ())) >= limits[name]}

    def begin(self, source: Source) -> tuple[int, int]:
        """The first offset that its log still has, and the next one."""
        return self._reader.bounds(*source)

    def log(self, source: Source, until: int | None = None) -> Iterator[list[Stored]]:
        """The records of a source partition, up to an offset."""
        for records in self._records(f"{source[0]}/{source[1]}", source, until):
            yield records
            if until is not None and records and records[-1].offset >= until:
                return

    def _records(self, what: str, source: Source, until: int | None = None) -> Iterator[list[Stored]]:
        begin, end = self._reader.bounds(*source)
        total = max(1, (end if until is None else min(end, until + 1)) - begin)
        for records in self._reader.read(*source):
            if records:
                self._told(what, min(total, records[-1].offset + 1 - begin), total)
            yield records


def _values(row: bytes) -> list[Admitted]:
    with suppress(ValueError, TypeError):
        return [Admitted(*one) for one in orjson.loads(row)]
    raise StateError("a changelog row of dimension values cannot be read", remedy="planwatch rebuild")


def _shown(chosen: Chosen) -> str:
    return chosen.topic + ("" if chosen.partition is None else f"/{chosen.partition}")
