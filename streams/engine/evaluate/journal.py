"""What became known when, as rows that never change: the memory from which panes are rebuilt.

Each row holds cells of one pane that became known in one minute (level m), one hour (h) or one day (d).
Minutes are merged into their hour when it ends, hours into their day. To rebuild: minute panes from minute
rows; hour panes from hour rows and the minute rows of the hour that has not ended; day panes from day rows,
the hour rows of the day that has not ended, and the same minute rows.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import orjson

from schemas.period import MINUTE_MS
from streams.engine.evaluate.columns import Columns, Ints, Table
from streams.engine.evaluate.scopes import Leaves
from streams.engine.evaluate.steps import Steps, at_once
from streams.engine.evaluate.store import GRAINS, NESTED, Kept, Pile, Store
from streams.windows.panes import Calendar
from streams.windows.spans import PaneGrain, grain_of

#: cells in one row at most
ROOM = 256
#: bytes that tell how long a row's head is, and how its values are stored
_LENGTH = 4
_STORED = np.dtype("<i8")


class RowName(NamedTuple):
    """Which row: its level, the pane in which it became known, and the pane whose cells it holds."""

    level: PaneGrain
    known: int
    grain: PaneGrain
    start: int
    number: int = 0

    def encode(self) -> bytes:
        """The key in the changelog.

        >>> RowName("m", 60000, "h", 0, 1).encode()
        b'cells|m|60000|h|0|1'
        """
        return b"cells|" + "|".join(map(str, self)).encode()


def decode_name(key: bytes) -> RowName:
    """The name that `encode` wrote.

    >>> decode_name(b"cells|m|60000|h|0|1").start
    0
    """
    level, known, grain, start, number = key.decode().split("|")[1:]
    return RowName(grain_of(level), int(known), grain_of(grain), int(start), int(number))


class Row(NamedTuple):
    """A row as it is stored: its name, the dimensions of its leaves, each leaf as JSON, and their values."""

    name: RowName
    dimensions: tuple[str, ...]
    leaves: list[str]
    values: Ints


def encode_row(row: Row) -> tuple[bytes, bytes]:
    """The changelog record: a head in JSON behind its length, then the values as little-endian integers.

    A leaf is one string and the values are one block, so that a million cells are read in a second.
    """
    head = orjson.dumps({"dimensions": row.dimensions, "leaves": row.leaves})
    values = row.values.astype(_STORED).tobytes()
    return row.name.encode(), len(head).to_bytes(_LENGTH, "big") + head + values


def decode_row(key: bytes, body: bytes) -> Row:
    """The row of a changelog record; ValueError or KeyError when it is none.

    >>> row = Row(RowName("m", 60_000, "h", 0), ("region",), ['["East"]'], np.array([[3, 500]]))
    >>> decode_row(*encode_row(row))[1:]
    (('region',), ['["East"]'], array([[  3, 500]]))
    """
    end = _LENGTH + int.from_bytes(body[:_LENGTH], "big")
    head = orjson.loads(body[_LENGTH:end])
    values = np.frombuffer(body, dtype=_STORED, offset=end).astype(np.int64)
    return Row(
        decode_name(key), tuple(head["dimensions"]), head["leaves"], values.reshape(len(head["leaves"]), -1)
    )


class Journal:
    """The rows that are still to be written, and what belongs to the hour and the day that have not ended."""

    def __init__(self, columns: Columns, leaves: Leaves, calendar: Calendar, kept: Kept) -> None:
        self._columns = columns
        self._leaves = leaves
        self._calendar = calendar
        self._kept = kept
        self._open: dict[PaneGrain, dict[tuple[PaneGrain, int], Pile]] = {"h": {}, "d": {}}
        self._began: dict[PaneGrain, int] = {}
        self._unwritten: dict[RowName, Table] = {}
        self._stored: dict[PaneGrain, dict[int, list[bytes]]] = {grain: {} for grain in GRAINS}

    def note(self, end_ms: int, grain: PaneGrain, start: int, table: Table) -> Steps[None]:
        """These cells of a pane became known in the minute that ends here."""
        known = end_ms - MINUTE_MS
        self._unwritten[RowName("m", known, grain, start)] = table
        yield from self._gather("h", known, grain, start, table)

    def turn(self, now_ms: int) -> Steps[None]:
        """Merge what became known in an hour or a day that has ended by now."""
        for level, above in (("h", "d"), ("d", None)):
            parts = self._open[grain_of(level)]
            if not parts or self._calendar.end(grain_of(level), self._began[grain_of(level)]) > now_ms:
                continue
            known = self._began[grain_of(level)]
            for (grain, start), pile in sorted(parts.items()):
                table = yield from pile.merge(self._columns)
                self._unwritten[RowName(grain_of(level), known, grain, start)] = table
                if above:
                    yield from self._gather("d", known, grain, start, table)
            self._open[grain_of(level)] = {}
            self._forget(grain_of(level), now_ms)

    def _forget(self, level: PaneGrain, now_ms: int) -> None:
        """Let go what nobody would read any more: at an hour's end of minutes, at a day's end of all."""
        self._unwritten = {
            name: table
            for name, table in self._unwritten.items()
            if (level == "h" and name.level != "m") or self._is_needed(name, now_ms)
        }

    def take(self, now_ms: int) -> Iterator[tuple[bytes, bytes]]:
        """The rows to be written now; those that nobody would read any more are left out."""
        for name, table in self._unwritten.items():
            if self._is_needed(name, now_ms):
                yield from self._encode(name, table)
        self._unwritten = {}

    def retire(self, now_ms: int) -> Iterator[bytes]:
        """The keys of the stored rows that nobody needs any more."""
        for level in GRAINS:
            stored, edge = self._stored[level], self._kept.edge(level, now_ms, self._calendar)
            for known in [known for known in stored if known < edge]:
                yield from stored.pop(known)

    def remember(self, name: RowName) -> None:
        """There is such a row in the changelog: it has to be retired one day."""
        self._stored[name.level].setdefault(name.known, []).append(name.encode())

    def restore(self, name: RowName, table: Table, store: Store, scopes: Table, now_ms: int) -> None:
        """Put cells that were read back into the panes they belong to; `now_ms` is the frontier."""
        for grain in ("m", "h", "d"):
            if self._feeds(name, grain_of(grain), now_ms):
                store.put(grain_of(grain), self._calendar.floor(grain_of(grain), name.start), table, scopes)
        if name.level != "d" and self._is_open(name, now_ms):
            at_once(
                self._gather("h" if name.level == "m" else "d", name.known, name.grain, name.start, table)
            )

    def take_over(self, other: "Journal", remap: Callable[[Table], Table]) -> None:
        """Go on with another journal's rows, their tables turned into ours."""
        self._began = dict(other._began)
        self._stored = other._stored
        self._unwritten = {name: remap(table) for name, table in other._unwritten.items()}
        for level, parts in other._open.items():
            for pane, pile in parts.items():
                self._open[level][pane] = Pile()
                at_once(self._open[level][pane].add(remap(pile.table(other._columns)), self._columns))

    def _gather(
        self, level: PaneGrain, known: int, grain: PaneGrain, start: int, table: Table
    ) -> Steps[None]:
        coarser: PaneGrain = "d" if level == "d" or grain == "d" else "h"
        parts = self._open[level]
        if not parts:
            self._began[level] = self._calendar.floor(level, known)
        pile = parts.setdefault((coarser, self._calendar.floor(coarser, start)), Pile())
        yield from pile.add(table, self._columns)

    def _is_open(self, name: RowName, now_ms: int) -> bool:
        """Whether the hour (of a minute row) or the day (of an hour row) it became known in has not ended."""
        return name.known >= self._calendar.floor("h" if name.level == "m" else "d", now_ms)

    def _feeds(self, name: RowName, grain: PaneGrain, now_ms: int) -> bool:
        """Whether panes of this grain are rebuilt from this row."""
        if grain not in NESTED[name.grain]:
            return False
        if name.level == grain:
            return True
        if name.level == "m":
            return self._is_open(name, now_ms)
        return name.level == "h" and grain == "d" and self._is_open(name, now_ms)

    def _is_needed(self, name: RowName, now_ms: int) -> bool:
        if name.known < self._kept.edge(name.level, now_ms, self._calendar):
            return False
        return name.level != "m" or name.grain == "m" or self._is_open(name, now_ms)

    def _encode(self, name: RowName, table: Table) -> Iterator[tuple[bytes, bytes]]:
        leaves = self._leaves.leaves
        order = sorted(range(len(table.rows)), key=lambda at: leaves[table.rows[at]])
        dimensions = tuple(dimension.id for dimension in self._leaves.dimensions)
        for number, begin in enumerate(range(0, len(order), ROOM)):
            chunk = order[begin : begin + ROOM]
            part = name._replace(number=number)
            self.remember(part)
            texts = [orjson.dumps(leaves[row]).decode() for row in table.rows[chunk].tolist()]
            yield encode_row(Row(part, dimensions, texts, table.values[chunk]))
