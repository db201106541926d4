"""What one event adds to a cell, measure by measure, read off the catalogue's own words.

Slower than the code that measure generates, and written without it: where both agree, neither is wrong by
accident.
"""

from collections.abc import Mapping
from typing import Any

from schemas.events import EventKind
from schemas.kpi import Range, Scalar
from streams.cells.layout import Cell, Layout

Condition = Scalar | list[Scalar] | Range


class KindMeasures:
    """The measures of a layout that events of one kind may add to.

    >>> from schemas.events import KINDS
    >>> from schemas.kpi import Measure
    >>> from streams.cells.layout import layout_for
    >>> layout = layout_for([Measure(event="order", sum="amount"), Measure(event="order", max="delay")], ())
    >>> measures, cell = KindMeasures(layout, KINDS["order"]), list(layout.empty)
    >>> touched = measures.add({"amount": 1999}, cell, 250)
    >>> layout.keys, cell
    (('order.max.delay', 'order.sum.amount'), [250, 1999])
    """

    def __init__(self, layout: Layout, kind: EventKind) -> None:
        self._measures = [
            (at, one.how, one.field, tuple(one.where.items()))
            for at, one in enumerate(layout.measures)
            if kind.kind in one.events
        ]
        fields = kind.model.model_fields
        self._defaults = {name: field.default for name, field in fields.items() if not field.is_required()}

    def add(self, event: Mapping[str, Any], cell: Cell, delay_ms: int) -> list[int]:
        """Count the event in the cell; gives the columns to which it added anything."""
        seen = {**self._defaults, **event, "delay": delay_ms}
        touched = []
        for at, how, field, conditions in self._measures:
            if conditions and not all(holds(seen.get(name), wanted) for name, wanted in conditions):
                continue
            value = 1 if field is None else seen.get(field)
            if value is not None:
                cell[at] = _merged(how, cell[at], value)
                touched.append(at)
        return touched


def holds(value: Any, wanted: Condition) -> bool:
    """Whether a field's value is what a measure's condition wants; no value is in no range.

    >>> holds(3, Range(min=1)), holds(None, Range(max=5)), holds("a", ["a", "b"]), holds(2, 1)
    (True, False, True, False)
    """
    if isinstance(wanted, Range):
        high_enough = wanted.min is None or (value is not None and value >= wanted.min)
        low_enough = wanted.max is None or (value is not None and value <= wanted.max)
        return value is not None and high_enough and low_enough
    return value in wanted if isinstance(wanted, list) else bool(value == wanted)


def _merged(how: str, before: int | None, value: int) -> int:
    if before is None:
        return value
    if how == "min":
        return min(before, value)
    return max(before, value) if how == "max" else before + value
