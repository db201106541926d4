"""A page: up to 256 cells of one pane from one source partition, with its stamp; and its stored form.

The form is JSON that begins with its type, so that the records of the cells topic are told apart by their
first bytes. Values are absolute: a page with a higher stamp replaces one with a lower. A column in which all
cells are 0, or all have nothing, is left out: most measures count in few pages.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import orjson

from schemas.errors import StateError
from streams.cells.layout import Cell, Leaf

#: cells in one page at most
ROOM = 256
_TYPE = b'{"type":"page",'
_WIDE = b'{"type":"page","wide":'


class PageKey(NamedTuple):
    """Which page: of which source partition, layout and pane, known from which minute pane on.

    `grain` is m, h or d; `start_ms` the start of its pane; `known_ms` the start of the minute pane in which
    it became known. `number` counts the pages of one pane from 0.
    """

    topic: str
    partition: int
    layout: str
    grain: str
    start_ms: int
    known_ms: int
    number: int


@dataclass(slots=True)
class Page:
    """The cells of a page by leaf, as counted up to `stamp`; `first` is the offset of its first event."""

    key: PageKey
    stamp: int
    first: int
    cells: dict[Leaf, Cell]


class StoredPage(NamedTuple):
    """A page as it is stored: of each leaf a row of some columns; elsewhere every cell is as `empty`."""

    key: PageKey
    stamp: int
    first: int
    leaves: list[Leaf]
    columns: list[int]
    rows: list[Sequence[int | None]]
    empty: Cell

    def page(self) -> Page:
        """The same with all columns."""
        return Page(self.key, self.stamp, self.first, dict(zip(self.leaves, self._cells(), strict=True)))

    def _cells(self) -> Iterable[Cell]:
        if not self.columns:
            return [list(self.empty) for _ in self.leaves]
        columns: list[Iterable[int | None]] = [repeat(value) for value in self.empty]
        for at, column in zip(self.columns, zip(*self.rows, strict=True), strict=True):
            columns[at] = column
        return map(list, zip(*columns, strict=False))  # what repeats has no end


def encode_page(page: Page) -> bytes:
    """The stored form of a page.

    >>> page = Page(PageKey("t", 0, "l", "m", 60_000, 60_000, 0), 9, 3, {("East",): [2, 500, None]})
    >>> decode_page(encode_page(page)) == page
    True
    """
    record: dict[str, Any] = {
        "type": "page",
        "key": tuple(page.key),
        "stamp": page.stamp,
        "first": page.first,
    }
    columns = list(zip(*page.cells.values(), strict=True))
    kept, nothing = _kept(columns)
    record["leaves"] = list(page.cells)
    record |= {"width": len(columns), "nothing": nothing, "columns": kept}
    record["cells"] = list(zip(*(columns[at] for at in kept), strict=True))
    try:
        return orjson.dumps(record)
    except TypeError:  # a sum beyond 64 bits, which the other encoder can write and read
        wide = {"type": "page", "wide": True, **record}
        return json.dumps(wide, ensure_ascii=False, separators=(",", ":")).encode()


def _kept(columns: Sequence[Sequence[int | None]]) -> tuple[list[int], list[int]]:
    """The columns in which there is anything, and those in which nothing has a value.

    >>> _kept([(0, 0), (0, 7), (None, None), (None, 0)])
    ([1, 3], [2])
    """
    kept, nothing = list[int](), list[int]()
    for at, column in enumerate(columns):
        if any(column):
            kept.append(at)
        elif None in column:
            (nothing if column.count(None) == len(column) else kept).append(at)
    return kept, nothing


def decode_page(value: bytes | memoryview) -> Page:
    """The page; StateError when the bytes are none."""
    return read_page(value).page()


def read_page(value: bytes | memoryview) -> StoredPage:
    """The page as it is stored; StateError when the bytes are none."""
    stored = bytes(value)
    if not is_page(stored):
        raise StateError(f"{stored[:40]!r} is not a page", remedy="planwatch rebuild")
    try:
        record = (json.loads if stored.startswith(_WIDE) else orjson.loads)(stored)
        empty: Cell = [0] * record["width"]
        for at in record["nothing"]:
            empty[at] = None
        leaves, columns, rows = list(map(tuple, record["leaves"])), record["columns"], record["cells"]
        if columns and (len(rows) != len(leaves) or set(map(len, rows)) - {len(columns)}):
            raise ValueError(f"not {len(leaves)} cells of {len(columns)} columns")
        return StoredPage(
            PageKey(*record["key"]), record["stamp"], record["first"], leaves, columns, rows, empty
        )
    except (ValueError, LookupError, TypeError) as error:
        raise StateError(f"a page cannot be read: {error}", remedy="planwatch rebuild") from error


def is_page(value: bytes | memoryview) -> bool:
    """Whether a record of the cells topic is a page.

    >>> is_page(b'{"type":"ledger"}')
    False
    """
    return bytes(value[: len(_TYPE)]) == _TYPE
