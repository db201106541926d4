"""A page: up to 256 cells of one pane from one source partition, with its stamp; and its stored form.

The form is JSON that begins with its type, so that the records of the cells topic are told apart by their
first bytes. Values are absolute: a page with a higher stamp replaces one with a lower.
"""

import json
from dataclasses import dataclass
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
    record["leaves"] = list(page.cells)
    record["cells"] = list(page.cells.values())
    try:
        return orjson.dumps(record)
    except TypeError:  # a sum beyond 64 bits, which the other encoder can write and read
        wide = {"type": "page", "wide": True, **record}
        return json.dumps(wide, ensure_ascii=False, separators=(",", ":")).encode()


def decode_page(value: bytes | memoryview) -> Page:
    """The page; StateError when the bytes are none."""
    stored = bytes(value)
    if not is_page(stored):
        raise StateError(f"{stored[:40]!r} is not a page", remedy="planwatch rebuild")
    try:
        record = (json.loads if stored.startswith(_WIDE) else orjson.loads)(stored)
        cells = dict(zip(map(tuple, record["leaves"]), record["cells"], strict=True))
        return Page(PageKey(*record["key"]), record["stamp"], record["first"], cells)
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"a page cannot be read: {error}", remedy="planwatch rebuild") from error


def is_page(value: bytes | memoryview) -> bool:
    """Whether a record of the cells topic is a page.

    >>> is_page(b'{"type":"ledger"}')
    False
    """
    return bytes(value[: len(_TYPE)]) == _TYPE
