"""Cells that are seldom touched, packed: a page's worth of them in one array, about a third of their size.

Only columns in which anything was counted are kept. A cell that is touched again is taken out as a list; the
page packs it again later. Knows nothing of panes or of when to pack.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Self

import numpy as np
import numpy.typing as npt

from streams.cells.layout import Cell, Leaf
from streams.cells.page import StoredPage

#: stands for the minimum or maximum of nothing; no number that is counted is so small
_NOTHING = int(np.iinfo(np.int64).min)


class Leaves:
    """Leaves and small numbers of which there is one object each, however often they are packed.

    `most`: leaves that are remembered before they are forgotten together.
    """

    def __init__(self, most: int = 250_000) -> None:
        self._most = most
        self._leaves: dict[Leaf, Leaf] = {}
        self._numbers: list[int] = []

    def same(self, leaves: Iterable[Leaf]) -> list[Leaf]:
        """The same leaves, as the objects that are shared."""
        if len(self._leaves) > self._most:
            self._leaves.clear()
        return [self._leaves.setdefault(leaf, leaf) for leaf in leaves]

    def numbers(self, begin: int, count: int) -> list[int]:
        """The numbers from `begin` on, so many."""
        self._numbers.extend(range(len(self._numbers), begin + count))
        return self._numbers[begin : begin + count]


def _filled(cell: Cell, holes: Sequence[int]) -> Cell:
    """A copy with a number where nothing is."""
    filled = list(cell)
    for at in holes:
        if filled[at] is None:
            filled[at] = _NOTHING
    return filled


class PackedCells:
    """Packed cells by their place; `leaves` are in order of place.

    >>> packed = PackedCells.of({("East",): [2, None, 0], ("West",): [0, 7, 0]}, [0, None, 0], Leaves())
    >>> packed.leaves, packed.cell(0), packed.nbytes
    ([('East',), ('West',)], [2, None, 0], 32)
    """

    __slots__ = ("_columns", "_empty", "_values", "leaves")

    def __init__(
        self, leaves: list[Leaf], columns: list[int], values: npt.NDArray[np.int64], empty: Cell
    ) -> None:
        """`empty`: what every cell is in other columns."""
        self.leaves = leaves
        self._columns = columns
        self._values = values
        self._empty = empty

    @classmethod
    def of(cls, cells: dict[Leaf, Cell], empty: Cell, leaves: Leaves) -> Self | None:
        """The cells packed; None when a number has more than 64 bits. `empty` is the cell of no event."""
        blank = np.array([_NOTHING if value is None else value for value in empty], dtype=np.int64)
        holes = [at for at, value in enumerate(empty) if value is None]
        rows = (_filled(cell, holes) for cell in cells.values()) if holes else cells.values()
        try:
            values = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(cells) * len(empty))
        except OverflowError:
            return None
        values = values.reshape(len(cells), -1)
        columns = np.flatnonzero((values != blank).any(axis=0))
        return cls(leaves.same(cells), columns.tolist(), np.ascontiguousarray(values[:, columns]), empty)

    @classmethod
    def stored(cls, page: StoredPage, empty: Cell, leaves: Leaves) -> Self | None:
        """The cells of a stored page packed, mostly without making them; otherwise as `of`."""
        columns, size = page.columns, len(page.leaves)
        try:
            values = np.fromiter(chain.from_iterable(page.rows), np.int64, size * len(columns))
        except TypeError:  # a cell that has nothing where others have a minimum or maximum
            return cls.of(page.page().cells, empty, leaves)
        except OverflowError:
            return None
        return cls(leaves.same(page.leaves), columns, values.reshape(size, len(columns)), page.empty)

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers."""
        return self._values.nbytes

    def cell(self, at: int) -> Cell:
        """One cell, as a list of its own."""
        cell = list(self._empty)
        for column, value in zip(self._columns, self._values[at].tolist(), strict=True):
            cell[column] = None if value == _NOTHING else value
        return cell

    def cells(self) -> dict[Leaf, Cell]:
        """All of them, as lists of their own."""
        return {leaf: self.cell(at) for at, leaf in enumerate(self.leaves)}
