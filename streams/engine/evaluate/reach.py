"""Which measures are still exact: sums are kept in 64 bits, and numpy says nothing when they run over.

No sum of a measure over any panes and scopes is larger than the sizes of all cells that ever entered, added
up without sign. While that is below 2^62 nothing can have run over. A measure that comes near it, by one
event or by many years, is left out from there on, and what reads it is set aside with this as its reason; it
is never wrong silently. That is decided from the log alone.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from streams.engine.evaluate.columns import Columns, Floats, Ints

#: in stored units, of all cells of a measure that ever entered
_MOST = 2.0**62
#: of one page; what waits is summed before it enters
_MOST_IN_PAGE = 2.0**56


def integers(rows: Sequence[Sequence[int | None]]) -> Ints:
    """Rows of numbers as integers of 64 bits; what is larger becomes a number that is out of reach.

    >>> integers([[1, -(10**30)]]).tolist() == [[1, -(2**62)]]
    True
    """
    try:
        return np.array(rows, dtype=np.int64)
    except OverflowError:
        return np.array([[_within(value) for value in row] for row in rows], dtype=np.int64)


def _within(value: int | None) -> int | None:
    if value is None or -(2**63) <= value < 2**63:
        return value
    return int(_MOST) if value > 0 else -int(_MOST)


class Reach:
    """The sizes that entered, by column, and the measures that are beyond reach.

    `news`: whether a measure has gone beyond since somebody looked last.
    """

    def __init__(
        self, columns: Columns, sizes: Mapping[str, float] | None = None, beyond: Iterable[str] = ()
    ) -> None:
        self._columns = columns
        self._sizes: Floats = np.zeros(0)
        self.beyond = set(beyond)
        self.news = False
        self._fit()
        for key, size in (sizes or {}).items():
            self._sizes[columns.place[key]] = size

    def sizes(self) -> dict[str, float]:
        """The sizes that entered, by measure."""
        self._fit()
        return dict(zip(self._columns.keys, self._sizes.tolist(), strict=True))

    def places(self) -> list[int]:
        """The columns of the measures that are beyond."""
        return sorted(self._columns.place[key] for key in self.beyond)

    def screen(self, values: Ints) -> Ints:
        """The cells of a page, in place, without the measures that are beyond; a page may send one there."""
        self._mark(self._size(values) >= _MOST_IN_PAGE)
        return self._without(values)

    def enter(self, values: Ints) -> Ints:
        """Cells that enter the panes, in place, without the measures that are beyond."""
        self._fit()
        size = self._size(values)
        size[self._columns.extreme] = 0
        self._sizes += size
        self._mark(self._sizes >= _MOST)
        return self._without(values)

    def _size(self, values: Ints) -> Floats:
        size: Floats = np.abs(values.astype(np.float64))
        if not self._columns.plain:
            size[values == self._columns.blank] = 0
        total: Floats = size.sum(axis=0)
        return total

    def _mark(self, beyond: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> None:
        if beyond.any():
            keys = {self._columns.keys[at] for at in np.flatnonzero(beyond).tolist()} - self.beyond
            self.news = self.news or bool(keys)
            self.beyond |= keys

    def _without(self, values: Ints) -> Ints:
        if self.beyond:
            places = self.places()
            values[:, places] = self._columns.blank[places]
        return values

    def _fit(self) -> None:
        missing = len(self._columns) - len(self._sizes)
        if missing:
            self._sizes = np.concatenate([self._sizes, np.zeros(missing)])
