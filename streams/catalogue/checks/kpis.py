"""KPIs: event kinds and fields exist, the formula uses what is measured, scopes fit the dimensions."""

import re
from collections.abc import Iterator, Mapping, Sequence

from schemas.errors import FormulaError
from schemas.events import KINDS, EventField
from schemas.kpi import Kpi, Measure, Range
from streams.catalogue.checks.names import duplicate_ids, listed, repeated, unknown
from streams.catalogue.checks.scopes import scopes_mean_something
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem, suggest
from streams.decisions.formula import parse_formula

_NAME = re.compile(r"[^\W\d]\w*")


def check(draft: Draft) -> Iterator[Problem]:
    """Problems of kpis/*.yaml."""
    yield from duplicate_ids(draft.kpis, "KPI")
    for entry, kpi in draft.kpis:
        for name, measure in kpi.measures.items():
            yield from _measure(draft, entry, name, measure)
        yield from _formula(entry, kpi)
        yield from _dimensions(draft, entry, kpi)
        yield from _unit(draft, entry, kpi)


def _measure(draft: Draft, entry: Entry[Kpi], name: str, measure: Measure) -> Iterator[Problem]:
    place = ("measures", name)
    wrong = list(_kinds_problems(entry, (*place, "event"), measure))
    if wrong:
        yield from wrong
        return
    fields = _common([KINDS[kind].fields for kind in measure.events])
    if measure.field is not None:
        yield from _field(entry, (*place, measure.how), measure, fields)
    for field, condition in measure.where.items():
        inner = (*place, "where", field)
        if field in draft.dimensions.ids:
            yield entry.problem(
                inner, f"{field!r} is a dimension", "cut by it with a scope instead of `where`", key=True
            )
        elif field not in fields:
            yield entry.problem(
                inner, f"unknown field {field!r} of {_kinds(measure)}", _fields(field, fields), key=True
            )
        else:
            yield from _condition(entry, inner, fields[field], condition)


def _kinds_problems(entry: Entry[Kpi], place: tuple[str, ...], measure: Measure) -> Iterator[Problem]:
    if isinstance(measure.event, str):
        yield from unknown(entry, place, [((), measure.event)], list(KINDS), "event kind")
        return
    if not measure.event:
        yield entry.problem(place, "no event kind", suggest("", KINDS, plural="event kinds"))
    yield from unknown(entry, place, listed(measure.event), list(KINDS), "event kind")
    yield from repeated(entry, place, measure.event, "event kind")


def _common(kinds: Sequence[Mapping[str, EventField]]) -> dict[str, EventField]:
    """The fields that all the kinds have."""
    first, *others = kinds
    return {name: field for name, field in first.items() if all(name in other for other in others)}


def _field(
    entry: Entry[Kpi], place: tuple[str, ...], measure: Measure, fields: Mapping[str, EventField]
) -> Iterator[Problem]:
    name = str(measure.field)
    numbers = {one: field for one, field in fields.items() if field.number}
    if name not in fields:
        yield entry.problem(place, f"unknown field {name!r} of {_kinds(measure)}", _fields(name, numbers))
    elif name not in numbers:
        yield entry.problem(
            place, f"field {name!r} of {_kinds(measure)} is not a number", _fields(name, numbers)
        )


def _condition(
    entry: Entry[Kpi], place: tuple[str, ...], field: EventField, condition: object
) -> Iterator[Problem]:
    if isinstance(condition, Range):
        if not field.number:
            yield entry.problem(place, f"a range on {place[-1]!r}, which is not a number", "list the values")
        low, high = condition.min, condition.max
        if low is None and high is None:
            yield entry.problem(place, "a range without min and max", "write `{max: 2}`")
        elif low is not None and high is not None and low > high:
            yield entry.problem(place, f"range {low} to {high} is empty", "exchange min and max")
        return
    for value in condition if isinstance(condition, list) else [condition]:
        if field.choices and value not in field.choices:
            yield entry.problem(
                place, f"{value!r} is never {place[-1]!r}", suggest(value, field.choices, plural="values")
            )


def _formula(entry: Entry[Kpi], kpi: Kpi) -> Iterator[Problem]:
    try:
        used = parse_formula(kpi.value, _NAME.findall(kpi.value)).names
    except FormulaError as error:
        yield entry.problem(("value",), error.what, error.remedy or "write arithmetic over the measures")
        return
    names = [(("value",), name) for name in used]
    yield from unknown(entry, (), names, list(kpi.measures), "measure")
    for name in kpi.measures:
        if name not in used:
            yield entry.problem(
                ("measures", name), f"measure {name!r} is not used in value", "use or remove it", key=True
            )


def _dimensions(draft: Draft, entry: Entry[Kpi], kpi: Kpi) -> Iterator[Problem]:
    known = draft.dimensions.ids
    own = known if kpi.dimensions == "all" else list(kpi.dimensions)
    if kpi.dimensions != "all":
        yield from unknown(entry, ("dimensions",), listed(own), known, "dimension")
        yield from repeated(entry, ("dimensions",), own, "dimension")
    yield from scopes_mean_something(draft, entry, kpi, kpi.scopes)
    yield from repeated(entry, ("windows",), kpi.windows, "window")


def _unit(draft: Draft, entry: Entry[Kpi], kpi: Kpi) -> Iterator[Problem]:
    currencies = [installation.currency for installation in draft.installation.models]
    if kpi.unit.isupper() and len(kpi.unit) == 3 and currencies and kpi.unit not in currencies:
        what = f"unit {kpi.unit!r} is not the installation's currency"
        yield entry.problem(("unit",), what, "write currency")


def _kinds(measure: Measure) -> str:
    return " and ".join(measure.events)


def _fields(name: str, fields: Mapping[str, EventField]) -> str:
    return suggest(name, fields, plural="fields")
