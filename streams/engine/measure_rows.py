"""The changelog rows of a source partition: how they are named and stored, and what they say together.

A key is `<name> NUL <owner>`: an owner that wakes after its time writes beside, not over, its successor's
rows. Names: `ledger`; `basis|id`; `layout|id`; `page|…`; `ids|bucket|first offset`; `values|dimension|first
offset`. Of pages and ledgers the highest stamp counts, whoever wrote it; ids and values carry their offsets,
and what lies beyond the ledger's stamp does not count. Nothing is decided here about what a row means.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from schemas.errors import StateError
from schemas.records import Ledger
from streams.cells.page import PageKey, StoredPage, read_page
from streams.engine.measure_basis import BASIS, StoredBasis
from streams.engine.measure_ids import Segment
from streams.engine.measure_values import Value

Row = tuple[bytes, bytes]

LEDGER = b"ledger"
_SEPARATOR = b"\x00"
_IDS = struct.Struct("<BqqI")
_VERSION = 2
_MARK, _OFFSET = np.dtype("<u8"), np.dtype("<i8")


@dataclass(slots=True)
class Stored:
    """What the rows of a partition say. `owners`: who wrote a row of each name, for its tombstones."""

    ledger: Ledger | None = None
    turn_ms: int = 0
    #: the stored forms of each page, by whomever they were written
    page_rows: dict[bytes, list[bytes]] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    layouts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bases: list[StoredBasis] = field(default_factory=list)
    #: the basis that the ledger was counted on
    ledger_basis: str = ""
    owners: dict[bytes, set[bytes]] = field(default_factory=dict)

    @property
    def basis(self) -> StoredBasis | None:
        """What was in force when the newest of the rows were written: the basis of the ledger, unless one
        has come into force at that ledger. None: an earlier version has not said.
        """
        stamp = -1 if self.ledger is None else self.ledger.stamp
        since = [one for one in self.bases if one.stamp >= stamp]
        named = [one for one in self.bases if one.id == self.ledger_basis]
        return max(since or named, key=lambda one: (one.stamp, one.turn), default=None)

    def pages(self) -> Iterator[StoredPage]:
        """The pages as they are stored, for one reader, each read when it is its turn: they may be many.

        StateError when one cannot be read.
        """
        for name in list(self.page_rows):
            values = self.page_rows.pop(name)
            yield max(map(read_page, values), key=lambda page: page.stamp)


class MeasureRows:
    """The rows of one partition's changelog, filled by recovery in the order of the log."""

    def __init__(self) -> None:
        self._rows: dict[bytes, dict[bytes, bytes]] = {}

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record; None is a tombstone."""
        name, _, owner = key.rpartition(_SEPARATOR)
        if value is not None:
            self._rows.setdefault(name, {})[owner] = value
        elif (owners := self._rows.get(name)) is not None:
            owners.pop(owner, None)
            if not owners:
                del self._rows[name]

    def read(self) -> Stored:
        """What they say; StateError when a row cannot be read."""
        stored = Stored()
        for name, by_owner in self._rows.items():
            stored.owners[name] = set(by_owner)
            try:
                _read_row(stored, name, by_owner)
            except (ValueError, KeyError, TypeError, struct.error) as error:
                raise StateError(
                    f"changelog row {name!r} cannot be read: {error}", remedy="planwatch rebuild"
                ) from error
        return stored


def _read_row(stored: Stored, name: bytes, by_owner: dict[bytes, bytes]) -> None:
    kind, *parts = name.decode().split("|")
    if kind == "page":
        stored.page_rows[name] = list(by_owner.values())
    elif kind == "ids":
        stored.segments.extend(_decode_segment(value) for value in by_owner.values())
    elif kind == "values":
        for value in by_owner.values():
            stored.values.extend(Value(*one) for one in orjson.loads(value))
    elif kind == "layout":
        stored.layouts[parts[0]] = tuple(orjson.loads(next(iter(by_owner.values()))))
    elif kind == BASIS.decode():
        stored.bases.extend(StoredBasis.of(parts[0], value) for value in by_owner.values())
    elif name == LEDGER:
        newest = max(map(orjson.loads, by_owner.values()), key=lambda row: int(row["ledger"]["stamp"]))
        stored.ledger, stored.turn_ms = Ledger.model_validate(newest["ledger"]), newest["turn_ms"]
        stored.ledger_basis = newest.get("basis", "")
    else:
        raise StateError(f"changelog row {name!r} is not ours", remedy="planwatch rebuild")


def keyed(name: bytes, owner: bytes) -> bytes:
    """The changelog key of a row."""
    return name + _SEPARATOR + owner


def page_name(key: PageKey) -> bytes:
    """The name of a page's row; topic and partition are the changelog's."""
    return f"page|{key.layout}|{key.grain}|{key.start_ms}|{key.known_ms}|{key.number}".encode()


def ids_name(bucket: int, first: int) -> bytes:
    """The name of a segment's row, by its bucket and its first offset."""
    return f"ids|{bucket}|{first}".encode()


def segment_row(segment: Segment) -> Row:
    """The row of a segment of the dedupe index."""
    head = _IDS.pack(_VERSION, segment.bucket, segment.end_ms, len(segment.marks))
    marks, offsets = segment.marks.astype(_MARK).tobytes(), segment.offsets.astype(_OFFSET).tobytes()
    return ids_name(segment.bucket, int(segment.offsets[0])), head + marks + offsets


def _decode_segment(value: bytes) -> Segment:
    version, bucket, end_ms, count = _IDS.unpack_from(value)
    middle = _IDS.size + count * _MARK.itemsize
    if version != _VERSION or len(value) != middle + count * _OFFSET.itemsize:
        raise ValueError("not a segment of ids")
    marks = np.frombuffer(value, _MARK, count, _IDS.size).astype(np.uint64)
    return Segment(bucket, end_ms, marks, np.frombuffer(value, _OFFSET, count, middle).astype(np.int64))


def value_rows(values: Iterable[Value]) -> Iterator[Row]:
    """The rows of newly admitted dimension values, one for each dimension."""
    by_dimension: dict[str, list[Value]] = {}
    for value in values:
        by_dimension.setdefault(value.dimension, []).append(value)
    for name, those in by_dimension.items():
        yield f"values|{name}|{those[0].offset}".encode(), orjson.dumps([tuple(value) for value in those])


def layout_row(layout: str, dimensions: tuple[str, ...]) -> Row:
    """The row that says what the leaves of a layout's pages are made of."""
    return f"layout|{layout}".encode(), orjson.dumps(dimensions)


def basis_name(basis: str) -> bytes:
    """The name of the row of a basis, by its id."""
    return BASIS + b"|" + basis.encode()


def ledger_row(ledger: Ledger, turn_ms: int, basis: str) -> Row:
    """The ledger's row: written when everything else of its flush is confirmed."""
    row: dict[str, Any] = {"ledger": ledger.model_dump(), "turn_ms": turn_ms, "basis": basis}
    return LEDGER, orjson.dumps(row)
