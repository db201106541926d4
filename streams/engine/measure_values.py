"""Which dimension values a source partition keeps apart.

A partition keeps up to four times a dimension's limit of distinct values, in the order in which they came; an
event with a later one counts under the leaf `other`, so that totals stay exact and a sender who puts order
numbers into `region` cannot fill the state. Evaluate, which sees all partitions, admits up to the limit
itself.
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.dimension import OTHER, UNKNOWN, Dimension
from streams.cells.layout import Leaf

#: distinct values a partition keeps, as a multiple of the dimension's limit
SHARE = 4
#: never admitted, always there
_ALWAYS = (UNKNOWN, OTHER)


class Value(NamedTuple):
    """A value of a dimension, and the offset at which it was admitted."""

    dimension: str
    value: str
    offset: int


class DimensionValues:
    """The admitted values of every dimension; a function of the log.

    >>> from schemas.base import Text
    >>> values = DimensionValues([Dimension(id="region", title=Text(en="Region", zh="大区"), limit=1)])
    >>> [values.admit((name,), offset) for offset, name in enumerate("abcdea")]
    [('a',), ('b',), ('c',), ('d',), ('other',), ('a',)]
    >>> values.other
    1
    """

    def __init__(self, dimensions: Iterable[Dimension]) -> None:
        self._limits = [(dimension.id, dimension.limit * SHARE) for dimension in dimensions]
        self._admitted: dict[str, dict[str, int]] = {name: {} for name, _ in self._limits}
        #: the same in their order, to look at quickly
        self._in_order = list(self._admitted.values())
        self._unstored: list[Value] = []
        #: events that went to `other` for want of room
        self.other = 0

    def restore(self, values: Iterable[Value], stamp: int, other: int) -> None:
        """Take over the values admitted up to the stamp."""
        for name, value, offset in sorted(values, key=lambda one: one.offset):
            if offset <= stamp and name in self._admitted:
                self._admitted[name].setdefault(value, offset)
        self.other = other

    def admit(self, leaf: Leaf, offset: int) -> Leaf:
        """The leaf under which an event counts; its values are admitted while there is room."""
        for admitted, value in zip(self._in_order, leaf, strict=True):
            if value not in admitted:
                return self._admit(leaf, offset)
        return leaf

    def _admit(self, leaf: Leaf, offset: int) -> Leaf:
        for (name, limit), value in zip(self._limits, leaf, strict=True):
            admitted = self._admitted[name]
            if value not in admitted and value not in _ALWAYS and len(admitted) < limit:
                admitted[value] = offset
                self._unstored.append(Value(name, value, offset))
        kept = tuple(self.kept(name, value) for (name, _), value in zip(self._limits, leaf, strict=True))
        if kept != leaf:
            self.other += 1
        return kept

    def kept(self, dimension: str, value: str) -> str:
        """The value, or `other` where it was not admitted; of a dimension that is no more, the value."""
        admitted = self._admitted.get(dimension)
        return value if admitted is None or value in admitted or value in _ALWAYS else OTHER

    def changes(self) -> list[Value]:
        """The values admitted since the last call: to be stored."""
        unstored, self._unstored = self._unstored, []
        return unstored
