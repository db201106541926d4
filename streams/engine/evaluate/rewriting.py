"""Which figures a `Rewrite` asks for, by the numbers of windows and scopes that are in force.

A scope by words that nobody knows here (a value that had to be cleaned for a sink, a scope of an earlier
catalogue) stands for all scopes: too much is written again rather than too little.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from schemas.base import Scope
from schemas.records import ClosedPeriod
from streams.engine.evaluate.columns import Rows
from streams.engine.evaluate.scopes import Scopes
from streams.windows.spans import Spec


class Place(NamedTuple):
    """A window by its number, and a pane end at which its period may close."""

    window: int
    end_ms: int


#: KPI → the scopes of which it is asked for; None: all of them
Wanted = dict[str, Rows | None]


def asked_for(
    periods: Iterable[ClosedPeriod], frontier_ms: int, specs: Sequence[Spec], scopes: Scopes
) -> dict[Place, Wanted]:
    """What is asked for of windows that there are, as far as it is judged."""
    windows = {spec.name: number for number, spec in enumerate(specs)}
    found: dict[Place, dict[str, set[int | None]]] = {}
    for period in periods:
        window = windows.get(period.window)
        if window is not None and period.end_ms <= frontier_ms:
            wanted = found.setdefault(Place(window, period.end_ms), {})
            wanted.setdefault(period.kpi, set()).add(_row(period.scope, scopes))
    return {place: {kpi: _rows(found[place][kpi]) for kpi in sorted(found[place])} for place in sorted(found)}


def _row(scope: Scope, scopes: Scopes) -> int | None:
    for grouping in scopes.groupings:
        if set(grouping) == set(scope):
            return scopes.number.get(tuple((name, scope[name]) for name in grouping))
    return None


def _rows(found: set[int | None]) -> Rows | None:
    rows = sorted(row for row in found if row is not None)
    return None if len(rows) < len(found) else np.array(rows, dtype=np.int64)
