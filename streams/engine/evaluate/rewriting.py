"""Which figures a `Rewrite` asks for, by the numbers of windows and scopes that are in force.

What is named by words that nobody knows here (a value that had to be cleaned for a sink, a scope of an
earlier catalogue) stands for all scopes: too much is written again rather than too little.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from schemas.base import Scope
from schemas.records import ClosedPeriod
from streams.engine.evaluate.columns import Rows
from streams.engine.evaluate.scopes import Scopes
from streams.windows.spans import Spec


def asked_for(
    periods: Iterable[ClosedPeriod], frontier_ms: int, specs: Sequence[Spec], scopes: Scopes
) -> dict[tuple[int, int], Rows | None]:
    """(window, period end) → scopes, None for all of them; only what is judged and whose window there is."""
    windows = {spec.name: number for number, spec in enumerate(specs)}
    found: dict[tuple[int, int], set[int] | None] = {}
    for period in periods:
        window = windows.get(period.window)
        if window is None or period.end_ms > frontier_ms:
            continue
        place = window, period.end_ms
        row = None if period.scope is None else _row(period.scope, scopes)
        rows = found.setdefault(place, set())
        if row is None:
            found[place] = None
        elif rows is not None:
            rows.add(row)
    return {
        place: None if rows is None else np.array(sorted(rows), dtype=np.int64)
        for place, rows in found.items()
    }


def _row(scope: Scope, scopes: Scopes) -> int | None:
    for grouping in scopes.groupings:
        if set(grouping) == set(scope):
            return scopes.number.get(tuple((name, scope[name]) for name in grouping))
    return None
