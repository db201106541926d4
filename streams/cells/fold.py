"""The code that folds one event of a kind into a cell, written out for a layout.

An event touches one cell once, so this is the innermost code of all. A loop over measures that looks up
fields and conditions by name costs several times what straight code costs; so the straight code is
generated, as `dataclasses` generates `__init__`. What it is generated from, field names and conditions,
comes from the catalogue's checked models and is written with `repr`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas.dimension import UNKNOWN
from schemas.events import EventKind
from schemas.kpi import Measure, Range, Scalar
from streams.cells.layout import Cell, Layout, Leaf

#: fold(event, cell, delay_ms): the event as the reader gives it, stored integers for numbers
Fold = Callable[[dict[str, Any], Cell, int], None]
#: leaf_of(dimensions of an event): its leaf
LeafOf = Callable[[Mapping[str, str | None]], Leaf]


def compile_fold(layout: Layout, kind: EventKind) -> Fold:
    """The function that folds an event of this kind into a cell of this layout.

    >>> from schemas.events import KINDS
    >>> from streams.cells.layout import layout_for
    >>> lines = Measure(event="order", count=True)
    >>> most = Measure(event="order", max="amount", where={"line": Range(max=1)})
    >>> layout = layout_for([lines, most], ())
    >>> fold, cell = compile_fold(layout, KINDS["order"]), list(layout.empty)
    >>> fold({"line": 1, "amount": 1999}, cell, 0); fold({"line": 2, "amount": 5000}, cell, 0); cell
    [2, 1999]
    """
    names: dict[str, Any] = {}
    exec(fold_source(layout, kind), names)  # the text is made from checked names and repr alone
    fold: Fold = names["fold"]
    return fold


def compile_leaf(dimensions: tuple[str, ...]) -> LeafOf:
    """The function that takes a leaf out of an event's dimensions; what is missing or null is `unknown`.

    >>> compile_leaf(("region", "channel"))({"region": "East"})
    ('East', 'unknown')
    """
    values = "".join(f"dimensions.get({name!r}) or {UNKNOWN!r}, " for name in dimensions)
    names: dict[str, Any] = {}
    exec(f"def leaf(dimensions): return ({values})", names)
    leaf: LeafOf = names["leaf"]
    return leaf


def fold_source(layout: Layout, kind: EventKind) -> str:
    """The source of that function, for people who wonder."""
    columns = [(at, measure) for at, measure in enumerate(layout.measures) if kind.kind in measure.events]
    used = sorted({name for _, measure in columns for name in _fields(measure)} - {"delay"})
    lines = ["def fold(event, cell, f_delay):", "    pass"]
    lines += [f"    f_{name} = {_read(kind, name)}" for name in used]
    for at, measure in columns:
        lines += [f"    {line}" for line in _statement(at, measure)]
    return "\n".join(lines) + "\n"


def _fields(measure: Measure) -> Iterator[str]:
    yield from measure.where
    if measure.field is not None:
        yield measure.field


def _read(kind: EventKind, name: str) -> str:
    """A field that was left out has its model's default; one that is null, or of no kind, is None."""
    field = kind.model.model_fields.get(name)
    if field is not None and field.is_required():
        return f"event[{name!r}]"
    default = None if field is None else field.default
    return f"event.get({name!r}, {default!r})"


def _statement(at: int, measure: Measure) -> Iterator[str]:
    conditions = [_condition(f"f_{name}", wanted) for name, wanted in sorted(measure.where.items())]
    if measure.field is None:
        yield _guarded(conditions, f"cell[{at}] += 1")
        return
    value = f"f_{measure.field}"
    conditions.append(f"{value} is not None")
    if measure.how == "sum":
        yield _guarded(conditions, f"cell[{at}] += {value}")
    else:
        sign = "<" if measure.how == "min" else ">"
        conditions.append(f"(cell[{at}] is None or {value} {sign} cell[{at}])")
        yield _guarded(conditions, f"cell[{at}] = {value}")


def _guarded(conditions: list[str], statement: str) -> str:
    return f"if {' and '.join(conditions)}: {statement}" if conditions else statement


def _condition(value: str, wanted: Scalar | list[Scalar] | Range) -> str:
    if isinstance(wanted, Range):
        ends = [f"{value} >= {wanted.min!r}"] if wanted.min is not None else []
        ends += [f"{value} <= {wanted.max!r}"] if wanted.max is not None else []
        return " and ".join([f"{value} is not None", *ends])
    return f"{value} in {tuple(wanted)!r}" if isinstance(wanted, list) else f"{value} == {wanted!r}"
