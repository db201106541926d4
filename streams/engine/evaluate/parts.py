"""The parts of a scope: its leaves summed over the dimensions that a rule's hint names, now and earlier.

Only asked when somebody is told, so it reads the panes anew instead of keeping sums.
"""

from collections.abc import Iterable

import numpy as np

from schemas.catalogue import Catalogue
from streams.decisions.driver import Parts
from streams.decisions.expectation import Piece
from streams.engine.evaluate.columns import Columns, Floats, Rows
from streams.engine.evaluate.plans import RulePlan
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.store import Store
from streams.engine.figures import ScopeItems
from streams.windows.spans import Spec


class Partition:
    """Cuts scopes into parts, from the leaves of the panes that are kept."""

    def __init__(self, catalogue: Catalogue, store: Store, scopes: Scopes) -> None:
        self._catalogue = catalogue
        self._columns: Columns = store.columns
        self._store = store
        self._scopes = scopes

    def panes(self, spec: Spec, end_ms: int) -> list[Piece]:
        """The panes that a window is made of at this pane end."""
        interval = spec.at(end_ms, self._store.calendar)
        return [Piece(spec.grain, start, 1.0) for start in self._store.panes[spec.grain].within(interval)]

    def parts(self, plan: RulePlan, row: int, now: list[Piece], then: list[Piece] | None) -> Parts:
        """The parts of one scope in these panes, and in those that are compared with."""
        leaves = self._scopes.leaves_in(row)
        groups, items = self._cut(plan, self._scopes.items[row], leaves)
        return Parts(
            scopes=[dict(part) for part in items],
            now=self._sum(now, leaves, groups, len(items)),
            then=None if then is None else self._sum(then, leaves, groups, len(items)),
            mins=self._columns.mins.tolist(),
            maxs=self._columns.maxs.tolist(),
        )

    def _cut(self, plan: RulePlan, scope: ScopeItems, leaves: Rows) -> tuple[Rows, list[ScopeItems]]:
        """The part of each leaf, and the parts."""
        rule, kpi = plan.rule, plan.kpi.kpi
        names = self._catalogue.dimension_names
        hint = set(rule.hint or names) & set(names if kpi.dimensions == "all" else kpi.dimensions)
        hint |= {name for name, _ in scope}
        places = [(name, place) for place, name in enumerate(names) if name in hint]
        number: dict[ScopeItems, int] = {}
        groups = []
        for leaf in (self._scopes.leaves.leaves[row] for row in leaves.tolist()):
            part = tuple((name, leaf[place]) for name, place in places)
            groups.append(number.setdefault(part, len(number)))
        return np.array(groups, dtype=np.int64), list(number)

    def _sum(self, pieces: Iterable[Piece], leaves: Rows, groups: Rows, count: int) -> Floats:
        whole = self._columns.blanks(count)
        paced = np.zeros((count, len(self._columns)))
        for piece in pieces:
            for _, table in self._store.leaf_tables(piece.grain, [piece.start]):
                wanted, here = table.pick(leaves)
                values = table.values[here]
                added, extreme = self._columns.split(values)
                np.add.at(paced, groups[wanted], added * piece.weight)
                for columns, function in ((self._columns.mins, np.minimum), (self._columns.maxs, np.maximum)):
                    for column in columns.tolist():
                        function.at(whole[:, column], groups[wanted], extreme[:, column])
        return self._columns.natural(whole) + self._columns.scaled(paced)
