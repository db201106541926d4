"""The parts of a scope: its leaves summed over the dimensions that a rule's hint names, now and earlier.

Only asked when somebody is told, so it reads the panes anew instead of keeping sums.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from schemas.base import Scope
from schemas.catalogue import Catalogue
from streams.decisions.driver import Parts
from streams.decisions.expectation import Piece
from streams.engine.evaluate.columns import Columns, Floats, Rows
from streams.engine.evaluate.plans import KpiPlan, RulePlan
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.steps import Steps
from streams.engine.evaluate.store import Store
from streams.engine.figures import ScopeItems
from streams.windows.spans import Spec

Held = npt.NDArray[np.bool_]
#: cuts that are remembered: rules that are told of together ask for the same
_CUTS = 8
_EXTREME = {"min": np.minimum, "max": np.maximum}


class Partition:
    """Cuts scopes into parts, from the leaves of the panes that are kept."""

    def __init__(self, catalogue: Catalogue, store: Store, scopes: Scopes) -> None:
        self._catalogue = catalogue
        self._columns: Columns = store.columns
        self._store = store
        self._scopes = scopes
        self._cuts: dict[tuple[int, int, tuple[tuple[str, int], ...]], tuple[Rows, list[Scope]]] = {}

    def panes(self, spec: Spec, end_ms: int) -> list[Piece]:
        """The panes that a window is made of at this pane end."""
        interval = spec.at(end_ms, self._store.calendar)
        return [Piece(spec.grain, start, 1.0) for start in self._store.panes[spec.grain].within(interval)]

    def parts(
        self, plan: RulePlan, row: int, now: list[Piece], then: list[Piece] | None
    ) -> Steps[tuple[Parts, KpiPlan]]:
        """The parts of one scope in these panes, and in those that are compared with; and the KPI over them.

        Only the columns of the KPI are summed, so its plan is made to read these. Parts that hold nothing are
        left out and the others are sorted: what is said of them must not depend on how long this process
        has run, nor on the order in which it came to know them.
        """
        leaves = self._scopes.leaves_in(row)
        groups, items = self._cut(plan, row, leaves)
        yield
        places = self._places(plan.kpi)
        few = self._columns.only(places)
        held = np.zeros(len(items), dtype=np.bool_)
        sums = yield from self._sum(now, leaves, groups, held, places)
        past = None if then is None else (yield from self._sum(then, leaves, groups, held, places))
        parts = Parts(
            scopes=[items[at] for at in np.flatnonzero(held).tolist()],
            now=sums[held],
            then=None if past is None else past[held],
            mins=few.mins.tolist(),
            maxs=few.maxs.tolist(),
        )
        columns = {name: places.index(at) for name, at in plan.kpi.columns.items()}
        return parts, replace(plan.kpi, columns=columns)

    def _places(self, kpi: KpiPlan) -> list[int]:
        """The columns of a KPI; never one alone of several, which numpy would add up in another order."""
        places = sorted(kpi.measured)
        spare = next((at for at in range(len(self._columns)) if at not in kpi.measured), None)
        return [*places, spare] if len(places) == 1 and spare is not None else places

    def _cut(self, plan: RulePlan, row: int, leaves: Rows) -> tuple[Rows, list[Scope]]:
        """The part of each leaf, and the parts; the last ones are remembered."""
        rule, kpi, scope = plan.rule, plan.kpi.kpi, self._scopes.items[row]
        names = self._catalogue.dimension_names
        hint = set(rule.hint or names) & set(names if kpi.dimensions == "all" else kpi.dimensions)
        hint |= {name for name, _ in scope}
        places = tuple((name, place) for place, name in enumerate(names) if name in hint)
        key = (row, len(leaves), places)
        if key not in self._cuts:
            if len(self._cuts) >= _CUTS:
                self._cuts.clear()
            self._cuts[key] = self._cut_anew(places, leaves)
        return self._cuts[key]

    def _cut_anew(self, places: tuple[tuple[str, int], ...], leaves: Rows) -> tuple[Rows, list[Scope]]:
        known = (self._scopes.leaves.leaves[row] for row in leaves.tolist())
        parts: list[ScopeItems] = [tuple((name, leaf[place]) for name, place in places) for leaf in known]
        number = {part: at for at, part in enumerate(sorted(set(parts)))}
        return np.array([number[part] for part in parts], dtype=np.int64), [dict(part) for part in number]

    def _sum(
        self, pieces: Iterable[Piece], leaves: Rows, groups: Rows, held: Held, places: list[int]
    ) -> Steps[Floats]:
        """The sums of each part in natural units; marks those of which there is anything."""
        few, count = self._columns.only(places), len(held)
        whole, paced = few.blanks(count), np.zeros((count, len(few)))
        for piece in pieces:
            pile = self._store.panes[piece.grain].leaves.get(piece.start)
            if pile is None:
                continue
            table = yield from pile.merge(self._columns)
            wanted, here = table.pick(leaves)
            into = groups[wanted]
            held[into] = True
            for column, (place, how) in enumerate(zip(places, few.how, strict=True)):
                values = table.values[here, place]
                if how in _EXTREME:
                    _EXTREME[how].at(whole[:, column], into, values)
                else:
                    exact = np.zeros(count, dtype=np.int64)
                    np.add.at(exact, into, values)
                    paced[:, column] += exact * piece.weight
            yield
        return few.natural(whole) + few.scaled(paced)
