"""Columns of integers: one per measure, and tables of rows over them.

Knows how each measure merges (added, smallest, largest) and in which unit it is stored. A column keeps its
place for good once it has one; new measures come behind. Knows nothing of time or of what a row stands for.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.engine.evaluate.steps import Steps

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: what a smallest or largest is while nothing was folded
NO_MIN = int(np.iinfo(np.int64).max)
NO_MAX = int(np.iinfo(np.int64).min)
#: rows that are merged in one step, about
_SLICE = 20_000
_BLANK = {"min": NO_MIN, "max": NO_MAX}


class Columns:
    """The measures in the order of their columns.

    >>> columns = Columns()
    >>> columns.add("order.sum.amount", "sum", 100)
    >>> columns.natural(np.array([[1234]]))
    array([[12.34]])
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.how: list[str] = []
        self.scales: list[int] = []
        self.place: dict[str, int] = {}
        self._settle()

    def add(self, key: str, how: str, scale: int) -> None:
        """Give a measure its column, or take over its scale if it has one."""
        if key in self.place:
            self.scales[self.place[key]] = scale
        else:
            self.place[key] = len(self.keys)
            self.keys.append(key)
            self.how.append(how)
            self.scales.append(scale)
        self._settle()

    def only(self, places: Sequence[int]) -> "Columns":
        """Some of the columns, in this order, as columns of their own."""
        few = Columns()
        for place in places:
            few.add(self.keys[place], self.how[place], self.scales[place])
        return few

    def _settle(self) -> None:
        self.blank: Ints = np.array([_BLANK.get(how, 0) for how in self.how], dtype=np.int64)
        self.mins = np.array([i for i, how in enumerate(self.how) if how == "min"], dtype=np.intp)
        self.maxs = np.array([i for i, how in enumerate(self.how) if how == "max"], dtype=np.intp)
        self.extreme = np.concatenate([self.mins, self.maxs])
        self.plain = not len(self.extreme)
        self._divisors = np.array(self.scales, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.keys)

    def blanks(self, count: int) -> Ints:
        """Rows in which nothing was folded."""
        return np.tile(self.blank, (count, 1))

    def widen(self, values: Ints) -> Ints:
        """Rows that were made when there were fewer columns, with blanks for the new ones."""
        missing = len(self) - values.shape[1]
        if not missing:
            return values
        return np.hstack([values, np.tile(self.blank[-missing:], (len(values), 1))])

    def scaled(self, values: Ints | Floats) -> Floats:
        """In natural units, where every column holds a number."""
        scaled: Floats = values / self._divisors
        return scaled

    def split(self, values: Ints) -> tuple[Ints, Ints]:
        """The sums with the extremes 0, and the extremes with the sums 0."""
        if self.plain:
            return values, np.zeros_like(values)
        added, extreme = values.copy(), np.zeros_like(values)
        added[:, self.extreme] = 0
        extreme[:, self.extreme] = values[:, self.extreme]
        return added, extreme

    def natural(self, values: Ints) -> Floats:
        """In natural units; NaN where a smallest or largest has nothing."""
        found = self.scaled(values)
        if not self.plain:
            found[:, self.extreme] = np.where(
                values[:, self.extreme] == self.blank[self.extreme], np.nan, found[:, self.extreme]
            )
        return found

    def held(self, values: Ints) -> frozenset[int]:
        """The columns in which anything was folded, in any row."""
        return frozenset((values != self.blank).any(axis=0).nonzero()[0].tolist())

    def merge(self, one: Ints, other: Ints) -> Ints:
        """Rows merged pairwise."""
        merged = one + other
        if len(self.mins):
            merged[:, self.mins] = np.minimum(one[:, self.mins], other[:, self.mins])
        if len(self.maxs):
            merged[:, self.maxs] = np.maximum(one[:, self.maxs], other[:, self.maxs])
        return merged

    def less(self, one: Ints, other: Ints) -> Ints:
        """What has to be merged into `other` to have `one`: sums less sums; extremes are `one`'s."""
        left = one - other
        if not self.plain:
            left[:, self.extreme] = one[:, self.extreme]
        return left


class Table(NamedTuple):
    """Rows by number, ascending and each once, with their values beside them."""

    rows: Rows
    values: Ints

    def pick(self, wanted: Rows) -> tuple[Rows, Rows]:
        """Where the wanted rows are: positions in `wanted` and, beside them, positions here."""
        if np.array_equal(self.rows, wanted):
            every = np.arange(len(wanted), dtype=np.int64)
            return every, every
        at = np.searchsorted(self.rows, wanted)
        at[at == len(self.rows)] = 0
        found = np.flatnonzero(self.rows[at] == wanted) if len(self.rows) else np.empty(0, dtype=np.int64)
        return found, at[found]


def fold_rows(rows: Rows, values: Ints, columns: Columns) -> Table:
    """Rows in any order and number of times, merged to one each.

    >>> columns = Columns()
    >>> columns.add("order.count", "count", 1)
    >>> fold_rows(np.array([7, 3, 7]), np.array([[1], [2], [4]]), columns)
    Table(rows=array([3, 7]), values=array([[2],
           [5]]))
    """
    if len(rows) < 2 or bool((rows[1:] > rows[:-1]).all()):
        return Table(rows, values)
    order = np.argsort(rows, kind="stable")
    rows, values = rows[order], values[order]
    starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    if len(starts) == len(rows):
        return Table(rows, values)
    merged = np.add.reduceat(values, starts, axis=0)
    if len(columns.mins):
        merged[:, columns.mins] = np.minimum.reduceat(values[:, columns.mins], starts, axis=0)
    if len(columns.maxs):
        merged[:, columns.maxs] = np.maximum.reduceat(values[:, columns.maxs], starts, axis=0)
    return Table(rows[starts], merged)


def folding(tables: Sequence[Table], columns: Columns) -> Steps[Table]:
    """Several tables merged to one: where they are long, a range of rows in each step."""
    if len(tables) == 1:
        return tables[0]
    parts = -(-sum(len(table.rows) for table in tables) // _SLICE)
    longest = max(tables, key=lambda table: len(table.rows)).rows
    cuts = longest[np.arange(1, parts) * len(longest) // parts]
    edges = [[0, *np.searchsorted(table.rows, cuts).tolist(), len(table.rows)] for table in tables]
    found = []
    for part in range(parts):
        pieces = [
            Table(table.rows[at[part] : at[part + 1]], table.values[at[part] : at[part + 1]])
            for table, at in zip(tables, edges, strict=True)
        ]
        found.append(_fold(pieces, columns))
        yield
    return _end_to_end(found)


def _fold(tables: Sequence[Table], columns: Columns) -> Table:
    return fold_rows(*_end_to_end(tables), columns)


def _end_to_end(tables: Sequence[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    return Table(
        np.concatenate([table.rows for table in tables]), np.concatenate([table.values for table in tables])
    )
