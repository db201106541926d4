"""What one pane end touches: where content changed, where a clock struck, where an expectation moved.

Collects scopes by window, and hands them over merged. Decides nothing: who is judged where is the bench's.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from schemas.records import Cause
from streams.engine.evaluate.columns import Rows

NONE: Rows = np.empty(0, dtype=np.int64)


class Change(NamedTuple):
    """Scopes whose content changed, and the columns in which it did."""

    rows: Rows
    columns: frozenset[int]


NO_CHANGE = Change(NONE, frozenset())


class Touched:
    """Scopes by window.

    whole: every KPI is written and every rule judged. changed: content came or went in some `columns`; KPIs
    and rules of these are. struck: a hold or a silence elapsed, so every rule is judged. moved: some measure
    of an expectation moved. due: KPIs that are written although their content is the same, because a clock of
    theirs struck or their own expectation moved. drifting: their rules are judged, as others are there.
    """

    def __init__(self, whole: Mapping[int, Rows] | None = None) -> None:
        self._whole = {window: [rows] for window, rows in (whole or {}).items()}
        self._changed: dict[int, list[Rows]] = {}
        self._columns: dict[int, set[int]] = {}
        self._struck: dict[int, list[Rows]] = {}
        self._moved: dict[int, list[Rows]] = {}
        self._due: dict[int, dict[str, list[Rows]]] = {}
        self._drifting: dict[int, dict[str, list[Rows]]] = {}
        self.turned: dict[str, dict[int, Cause]] = {}

    def fill(self, window: int, rows: Rows) -> None:
        """All that there is of these scopes is to be looked at."""
        if len(rows):
            self._whole.setdefault(window, []).append(rows)

    def change(self, window: int, change: Change) -> None:
        """Content of these scopes came or went in these columns."""
        if len(change.rows):
            self._changed.setdefault(window, []).append(change.rows)
            self._columns.setdefault(window, set()).update(change.columns)

    def drift(self, window: int, kpi: str, rows: Rows) -> None:
        """What this KPI is held against lies between two steps at these scopes, which changed."""
        if len(rows):
            self._drifting.setdefault(window, {}).setdefault(kpi, []).append(rows)

    def strike(self, window: int, kpi: str, rows: Rows) -> None:
        """A clock of a rule on this KPI struck."""
        if len(rows):
            self._struck.setdefault(window, []).append(rows)
            self._due.setdefault(window, {}).setdefault(kpi, []).append(rows)

    def move(self, window: int, rows: Rows) -> None:
        """What these scopes held earlier has moved, in whatever measure."""
        if len(rows):
            self._moved.setdefault(window, []).append(rows)

    def fall_due(self, window: int, kpi: str, rows: Rows) -> None:
        """What this KPI is held against has moved."""
        if len(rows):
            self._due.setdefault(window, {}).setdefault(kpi, []).append(rows)

    @property
    def windows(self) -> list[int]:
        """The windows in which anything is touched."""
        return sorted({*self._whole, *self._changed, *self._struck, *self._moved, *self._due})

    def whole(self, window: int) -> Rows:
        """The scopes of a window at which everything is looked at."""
        return union(self._whole.get(window, []))

    def changed(self, window: int) -> Rows:
        """The scopes of a window whose content changed."""
        return union(self._changed.get(window, []))

    def columns(self, window: int) -> set[int]:
        """The columns of a window in which content changed."""
        return self._columns.get(window, set())

    def struck(self, window: int) -> Rows:
        """The scopes of a window at which a clock struck."""
        return union(self._struck.get(window, []))

    def due(self, window: int) -> Iterator[tuple[str, Rows]]:
        """Each KPI with the scopes of a window at which it is due."""
        return ((kpi, union(rows)) for kpi, rows in self._due.get(window, {}).items())

    def drifting(self, window: int) -> Iterator[tuple[str, Rows]]:
        """Each KPI with the scopes of a window at which its expectation lies between two steps."""
        return ((kpi, union(rows)) for kpi, rows in self._drifting.get(window, {}).items())

    def rows(self, window: int) -> Rows:
        """All that is touched in a window."""
        found: list[Rows] = []
        for kind in (self._whole, self._changed, self._struck, self._moved):
            found += kind.get(window, [])
        for rows in self._due.get(window, {}).values():
            found += rows
        return union(found)

    def __bool__(self) -> bool:
        return bool(self._whole or self._changed or self._struck or self._moved or self._due)


def union(parts: list[Rows]) -> Rows:
    """Rows of several lists, ascending and each once."""
    if len(parts) < 2:
        return parts[0] if parts else NONE
    rows = np.concatenate(parts)
    if not len(rows):
        return NONE
    there = np.zeros(int(rows.max()) + 1, dtype=np.bool_)  # quicker than to sort: rows are small numbers
    there[rows] = True
    return np.flatnonzero(there)
