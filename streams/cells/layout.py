"""The layout of cells: which measures a cell holds, in which order, and how each is stored and merged.

A cell is a list with one integer for each measure of the layout; a minimum or maximum of nothing is None.
What the numbers mean outside (KPIs, windows) is not known here.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from schemas.catalogue import Catalogue
from schemas.errors import FormulaError
from schemas.events import KINDS, EventKind
from schemas.kpi import Measure

Leaf = tuple[str, ...]
Cell = list[int | None]


@dataclass(frozen=True)
class Layout:
    """The measures of all KPIs, each once, sorted by key; and the dimensions in a leaf's order.

    `scales` are stored integers per natural unit: 100 for money of two decimals, 1000 for a delay, whose
    natural unit is the second.
    """

    dimensions: tuple[str, ...]
    measures: tuple[Measure, ...]
    scales: tuple[int, ...]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The canonical names of the measures, in column order."""
        return tuple(measure.key for measure in self.measures)

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits of keys, scales and dimensions: equal columns, equal id."""
        text = "\n".join((*self.keys, "", *map(str, self.scales), "", *self.dimensions))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def empty(self) -> Cell:
        """The cell of no event; copy it."""
        return [None if measure.how in ("min", "max") else 0 for measure in self.measures]

    def merge(self, into: Cell, cell: Cell) -> None:
        """Add a cell of the same layout to another, in any order and grouping with the same result.

        >>> from schemas.kpi import Measure
        >>> count, most = Measure(event="order", count=True), Measure(event="order", max="amount")
        >>> total = [2, 500]
        >>> layout_for([count, most], ("region",)).merge(total, [1, 700]); total
        [3, 700]
        """
        for at, measure in enumerate(self.measures):
            theirs, ours = cell[at], into[at]
            if theirs is None or ours is None:
                into[at] = theirs if ours is None else ours
            elif measure.how == "min":
                into[at] = min(ours, theirs)
            elif measure.how == "max":
                into[at] = max(ours, theirs)
            else:
                into[at] = ours + theirs


def layout_of(catalogue: Catalogue) -> Layout:
    """The layout of a catalogue: every distinct measure of all KPIs."""
    measures = (measure for kpi in catalogue.kpis.values() for measure in kpi.measures.values())
    return layout_for(measures, catalogue.dimension_names, catalogue.installation.minor_digits)


def layout_for(measures: Iterable[Measure], dimensions: tuple[str, ...], minor_digits: int = 2) -> Layout:
    """The layout of these measures; FormulaError when one reads a field that its event has not."""
    distinct = {measure.key: measure for measure in measures}
    ordered = tuple(distinct[key] for key in sorted(distinct))
    scales = tuple(scale_of(measure, minor_digits) for measure in ordered)
    return Layout(dimensions=dimensions, measures=ordered, scales=scales)


def scale_of(measure: Measure, minor_digits: int, kinds: Mapping[str, EventKind] = KINDS) -> int:
    """Stored integers per natural unit of what the measure adds up; FormulaError when there is no such thing.

    >>> scale_of(Measure(event="order", sum="amount"), 2), scale_of(Measure(event="order", count=True), 2)
    (100, 1)
    """
    if measure.field is None:
        return 1
    scales = set()
    for kind in measure.events:
        field = kinds[kind].fields.get(measure.field) if kind in kinds else None
        if field is None or not field.number:
            raise FormulaError(
                f"measure {measure.key}: {kind} has no number {measure.field!r}",
                remedy="see `planwatch event schema`",
            )
        scales.add(10**minor_digits if field.money else field.scale)
    if len(scales) > 1:
        raise FormulaError(f"measure {measure.key}: {measure.field} has not the same unit in all its events")
    return scales.pop()
