"""Pages as tables: which column and which leaf each of their numbers belongs to.

Decides nothing; a page names its layout, and the layout names measures and dimensions. A measure that no
catalogue has named is left out, a dimension that the page has not got is `unknown`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.dimension import UNKNOWN
from schemas.errors import StateError
from streams.cells.page import Page
from streams.engine.evaluate.columns import Columns, Ints, Table, fold_rows, folding
from streams.engine.evaluate.pending import Entry
from streams.engine.evaluate.reach import Reach, integers
from streams.engine.evaluate.scopes import Leaf, Leaves
from streams.engine.evaluate.steps import Steps
from streams.windows.spans import PaneGrain, grain_of


class _Reading(NamedTuple):
    """How pages of one layout are read: columns there and here, and where each dimension stands."""

    source: Sequence[int]
    target: Sequence[int]
    extremes: Sequence[tuple[int, int]]
    places: Sequence[int | None]
    same: bool


class Intake:
    """Reads pages of every layout that was ever declared."""

    def __init__(self, columns: Columns, leaves: Leaves, reach: Reach) -> None:
        self.columns = columns
        self.reach = reach
        self.leaves = leaves
        self.layouts: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._readings: dict[str, _Reading] = {}
        self._lacking: dict[str, frozenset[str]] = {}

    def declare(self, layout: str, keys: Sequence[str], dimensions: Sequence[str]) -> None:
        """Say what the columns and leaf values of a layout's pages are."""
        self.layouts[layout] = (tuple(keys), tuple(dimensions))

    def lacks(self, layout: str) -> frozenset[str]:
        """The measures that pages of this layout do not count."""
        if layout not in self._lacking:
            self._lacking[layout] = frozenset(self.columns.keys) - set(self._declared(layout)[0])
        return self._lacking[layout]

    def tables(self, entries: list[Entry]) -> Steps[dict[tuple[PaneGrain, int], Table]]:
        """What these pages add, by (grain, pane start), as tables of leaves; admits their values.

        Uses the entries up: to let go of many pages at one time takes long.
        """
        cells = []
        for entry in entries:
            cells.append(self._cells(entry.page))
            yield
        numbers = yield from self.leaves.numbering([leaf for leaves, _ in cells for leaf in leaves])
        found: dict[tuple[PaneGrain, int], list[Table]] = {}
        begin = 0
        for leaves, values in cells:
            entry = entries.pop(0)
            rows = numbers[begin : begin + len(leaves)]
            begin += len(leaves)
            table = fold_rows(rows, values, self.columns)
            if entry.base is not None:
                table = self._less(table, entry.base)
            table = Table(table.rows, self.reach.enter(table.values))
            if len(table.rows):
                found.setdefault((grain_of(entry.page.key.grain), entry.page.key.start_ms), []).append(table)
            yield
        folded = {}
        for key in sorted(found):
            folded[key] = yield from folding(found[key], self.columns)
        return folded

    def read(self, page: Page) -> tuple[list[Leaf], Ints]:
        """The leaves of a page in our dimensions, and its values in our columns."""
        return self._cells(page)

    def _less(self, table: Table, base: Page) -> Table:
        leaves, values = self._cells(base)
        before = fold_rows(self.leaves.number(leaves), values, self.columns)
        here, there = before.pick(table.rows)
        changed = table.values.copy()
        changed[here] = self.columns.less(table.values[here], before.values[there])
        return Table(table.rows, changed)

    def _cells(self, page: Page) -> tuple[list[Leaf], Ints]:
        reading = self._reading(page.key.layout)
        if not page.cells:
            return [], self.columns.blanks(0)
        rows = list(page.cells.values())
        for place, blank in reading.extremes:
            rows = [
                row if row[place] is not None else [*row[:place], blank, *row[place + 1 :]] for row in rows
            ]
        values = integers(rows).reshape(len(rows), -1)
        if not reading.same:
            wide = self.columns.blanks(len(rows))
            wide[:, reading.target] = values[:, reading.source]
            return [self._leaf(leaf, reading) for leaf in page.cells], self.reach.screen(wide)
        return list(page.cells), self.reach.screen(values)

    def _leaf(self, leaf: Leaf, reading: _Reading) -> Leaf:
        return tuple(UNKNOWN if place is None else leaf[place] for place in reading.places)

    def _reading(self, layout: str) -> _Reading:
        known = self._readings.get(layout)
        if known is None:
            known = self._readings[layout] = self._learn(layout)
        return known

    def _learn(self, layout: str) -> _Reading:
        keys, dimensions = self._declared(layout)
        place = self.columns.place
        pairs = [(source, place[key]) for source, key in enumerate(keys) if key in place]
        extreme = set(self.columns.extreme.tolist())
        blanks = [(source, int(self.columns.blank[target])) for source, target in pairs if target in extreme]
        names = [dimension.id for dimension in self.leaves.dimensions]
        places = [dimensions.index(name) if name in dimensions else None for name in names]
        same = keys == tuple(self.columns.keys) and dimensions == tuple(names)
        unread = [(source, 0) for source, key in enumerate(keys) if key not in place and _may_be_none(key)]
        return _Reading([s for s, _ in pairs], [t for _, t in pairs], [*blanks, *unread], places, same)

    def _declared(self, layout: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if layout not in self.layouts:
            raise StateError(
                f"a page has layout {layout!r}, which nobody declared", remedy="planwatch rebuild"
            )
        return self.layouts[layout]


def _may_be_none(key: str) -> bool:
    parts = key.split("[", 1)[0].split(".")
    return len(parts) > 1 and parts[1] in ("min", "max")
