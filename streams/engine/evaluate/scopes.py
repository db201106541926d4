"""Which leaf and which scopes a cell belongs to, by number.

Decides which dimension values are kept apart: at each closed pane the new ones, sorted, up to the dimension's
limit; the rest count under `other`, so totals stay exact. Numbers are of this process only and never stored.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from schemas.dimension import OTHER, UNKNOWN, Dimension
from streams.engine.evaluate.columns import Columns, Rows, Table, fold_rows
from streams.engine.evaluate.steps import Steps, at_once
from streams.engine.figures import ScopeItems, level_of

Leaf = tuple[str, ...]
_KEPT = (UNKNOWN, OTHER)
_TOGETHER = 512
#: leaves that are looked at for the first time in one step
_STRANGERS = 2_000
#: leaves that are rolled up in one step
_SLICE = 20_000


class Leaves:
    """The leaves by number, and the dimension values that were admitted.

    >>> from schemas.base import Text
    >>> region = Dimension(id="region", title=Text(en="", zh=""), limit=1)
    >>> leaves = Leaves([region])
    >>> leaves.number([("West",), ("East",)]).tolist(), leaves.leaves
    ([1, 0], [('East',), ('other',)])
    """

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self.dimensions = tuple(dimensions)
        self.admitted: dict[str, set[str]] = {dimension.id: set() for dimension in dimensions}
        self.leaves: list[Leaf] = []
        self.fresh: set[str] = set()
        self._numbers: dict[Leaf, int] = {}
        self._met: dict[Leaf, int] = {}

    def number(self, met: Collection[Leaf]) -> Rows:
        """The leaf numbers of cells that become known together, admitting their values."""
        return at_once(self.numbering(met))

    def numbering(self, met: Collection[Leaf]) -> Steps[Rows]:
        """The same in steps."""
        strangers = sorted({leaf for leaf in met if leaf not in self._met})
        if strangers:
            self._admit(strangers)
            for begin in range(0, len(strangers), _STRANGERS):
                yield
                for leaf in strangers[begin : begin + _STRANGERS]:
                    self._met[leaf] = self._enter(self.settled(leaf))
            yield
        return np.fromiter((self._met[leaf] for leaf in met), dtype=np.int64, count=len(met))

    def settled(self, leaf: Leaf) -> Leaf:
        """The leaf a cell counts in as things stand: values that found no room are `other`."""
        return tuple(
            value
            if value in _KEPT or value in self.admitted[dimension.id] or self._room(dimension)
            else OTHER
            for dimension, value in zip(self.dimensions, leaf, strict=True)
        )

    def restore(self, leaves: Iterable[Leaf]) -> Rows:
        """The numbers of leaves that were settled before."""
        return np.array([self._enter(leaf) for leaf in leaves], dtype=np.int64)

    def _room(self, dimension: Dimension) -> bool:
        return len(self.admitted[dimension.id]) < dimension.limit

    def _admit(self, strangers: Iterable[Leaf]) -> None:
        columns = list(zip(*strangers, strict=True))
        for dimension, values in zip(self.dimensions, columns, strict=True):
            admitted = self.admitted[dimension.id]
            new = sorted(set(values) - admitted - set(_KEPT))[: max(dimension.limit - len(admitted), 0)]
            if new:
                admitted.update(new)
                self.fresh.add(dimension.id)

    def _enter(self, leaf: Leaf) -> int:
        number = self._numbers.get(leaf)
        if number is None:
            number = self._numbers[leaf] = len(self.leaves)
            self.leaves.append(leaf)
        return number


class Scopes:
    """The scopes by number: every grouping that rules or KPIs name, and the way up from each leaf.

    `groupings` are tuples of dimension names in the catalogue's order; `group` tells a scope's grouping.
    """

    def __init__(self, leaves: Leaves, groupings: Sequence[tuple[str, ...]]) -> None:
        self.leaves = leaves
        self.groupings = list(groupings)
        names = [dimension.id for dimension in leaves.dimensions]
        self._places = [tuple(names.index(name) for name in grouping) for grouping in groupings]
        self.items: list[ScopeItems] = []
        self.levels: list[str] = []
        self.group: Rows = np.empty(0, dtype=np.int64)
        self.rank: Rows = np.empty(0, dtype=np.int64)
        self.number: dict[ScopeItems, int] = {}
        self._up: Rows = np.empty((0, len(groupings)), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.items)

    def grow(self) -> None:
        """Take in the leaves that are new since the last call."""
        at_once(self.growing())

    def growing(self) -> Steps[None]:
        """The same in steps."""
        for begin in range(len(self._up), len(self.leaves.leaves), _STRANGERS):
            fresh = [
                [self._enter(group, leaf) for group in range(len(self.groupings))]
                for leaf in self.leaves.leaves[begin : begin + _STRANGERS]
            ]
            self._up = np.vstack([self._up, np.array(fresh, dtype=np.int64).reshape(len(fresh), -1)])
            yield
        self._index()

    def find(self, items: ScopeItems) -> int | None:
        """The number of a scope, made if need be; None when it is of no grouping."""
        return self.enter(items) if tuple(name for name, _ in items) in self.groupings else None

    def enter(self, items: ScopeItems) -> int:
        """The number of a scope of one of the groupings, made if need be; KeyError when it is of none."""
        known = self.number.get(items)
        if known is not None:
            return known
        number = self._new(items)
        self._index()
        return number

    def roll_up(self, table: Table, columns: Columns) -> Table:
        """A table of leaves as a table of scopes: each grouping sums to the same total."""
        return at_once(self.rolling_up(table, columns))

    def rolling_up(self, table: Table, columns: Columns) -> Steps[Table]:
        """The same in steps."""
        up = self._up[table.rows]
        if len(table.rows) <= _TOGETHER:
            groups = len(self.groupings)
            return fold_rows(up.ravel(), np.repeat(table.values, groups, axis=0), columns)
        parts = []
        for begin in range(0, len(up), _SLICE):
            here = slice(begin, begin + _SLICE)
            for group in range(len(self.groupings)):
                parts.append(fold_rows(up[here, group], table.values[here], columns))
                yield
        rows = np.concatenate([part.rows for part in parts])
        return fold_rows(rows, np.concatenate([part.values for part in parts]), columns)

    def leaves_in(self, row: int) -> Rows:
        """The leaves of a scope, ascending."""
        return np.flatnonzero(self._up[:, self.group[row]] == row)

    def _enter(self, group: int, leaf: Leaf) -> int:
        grouping = self.groupings[group]
        items = tuple((name, leaf[at]) for name, at in zip(grouping, self._places[group], strict=True))
        known = self.number.get(items)
        return self._new(items) if known is None else known

    def _new(self, items: ScopeItems) -> int:
        number = self.number[items] = len(self.items)
        self.items.append(items)
        self.levels.append(level_of(items))
        return number

    def _index(self) -> None:
        if len(self.group) == len(self.items):
            return
        place = {grouping: number for number, grouping in enumerate(self.groupings)}
        fresh = [place[tuple(name for name, _ in items)] for items in self.items[len(self.group) :]]
        self.group = np.concatenate([self.group, np.array(fresh, dtype=np.int64)])
        self.rank = np.empty(len(self.items), dtype=np.int64)
        self.rank[sorted(range(len(self.items)), key=self.items.__getitem__)] = np.arange(len(self.items))
