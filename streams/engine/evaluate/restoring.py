"""Cells that were stored, put back into panes and windows: a million of them in a second or two.

Rows of one pane that became known together are taken together, and a leaf is looked at once.
"""

from collections.abc import Iterable
from itertools import groupby

import numpy as np
import orjson

from streams.engine.evaluate.closing import Closing
from streams.engine.evaluate.columns import Rows, fold_rows
from streams.engine.evaluate.journal import Row, RowName
from streams.engine.evaluate.succession import in_dimensions


class _Numbers:
    """Stored leaves → their numbers in this process."""

    def __init__(self, closing: Closing) -> None:
        self._leaves = closing.leaves
        self._want = closing.catalogue.dimension_names
        self._known: dict[tuple[str, ...], dict[str, int]] = {}

    def of(self, row: Row) -> Rows:
        """The number of each leaf of the row."""
        known = self._known.setdefault(row.dimensions, {})
        strangers = [text for text in row.leaves if text not in known]
        if strangers:
            leaves = [
                in_dimensions(tuple(orjson.loads(text)), row.dimensions, self._want) for text in strangers
            ]
            known.update(zip(strangers, self._leaves.restore(leaves).tolist(), strict=True))
        return np.fromiter(map(known.__getitem__, row.leaves), dtype=np.int64, count=len(row.leaves))


def restore_cells(closing: Closing, rows: Iterable[Row], frontier_ms: int) -> None:
    """Put rows of cells, sorted by their keys, back into panes and windows."""
    closing.store.prune(frontier_ms)
    numbers = _Numbers(closing)
    for name, together in groupby(rows, key=_without_number):
        found, values = [], []
        for row in together:
            closing.journal.remember(row.name)
            found.append(numbers.of(row))
            values.append(closing.columns.widen(row.values))
        closing.scopes.grow()
        table = fold_rows(np.concatenate(found), np.concatenate(values), closing.columns)
        scopes = closing.scopes.roll_up(table, closing.columns)
        closing.journal.restore(name, table, closing.store, scopes, frontier_ms)
    closing.rebuild(frontier_ms)


def _without_number(row: Row) -> RowName:
    return row.name._replace(number=0)
