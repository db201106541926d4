"""A rule's own tests, before they run: they name tiers, measures and values that there are.

What `given` may hold is defined in `streams/engine/ruletest.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.kpi import Kpi
from schemas.period import parse_span
from schemas.rule import Previous, Rule
from streams.catalogue.checks.names import keyed, listed, unknown
from streams.catalogue.document import Part
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem

_PREVIOUS, _SILENT = "previous", "silent_for"


def check_tests(draft: Draft, entry: Entry[Rule], rule: Rule, kpi: Kpi | None) -> Iterator[Problem]:
    """Problems of the tests of one rule; `kpi` None: its KPI could not be read."""
    names: set[str] = set()
    for index, test in enumerate(rule.tests):
        place = ("tests", index)
        yield from unknown(entry, (*place, "expect"), listed(test.expect), draft.ladder, "tier")
        if test.name in names:
            yield entry.problem(
                (*place, "name"), f"test {test.name!r} stands twice", "name it for what it shows"
            )
        names.add(test.name)
        if kpi is not None:
            yield from _given(draft, entry, rule, (*place, "given"), test.given)


def _given(
    draft: Draft, entry: Entry[Rule], rule: Rule, place: Sequence[Part], given: Mapping[str, Any]
) -> Iterator[Problem]:
    known = _measures(draft, rule)
    special = {name: value for name, value in given.items() if name in (_PREVIOUS, _SILENT)}
    plain = {name: value for name, value in given.items() if name not in special}
    yield from _values(entry, place, plain, known)
    if _PREVIOUS in special:
        yield from _previous(entry, rule, (*place, _PREVIOUS), special[_PREVIOUS], known)
    if _SILENT in special:
        try:
            parse_span(special[_SILENT])
        except ValueError as error:
            yield entry.problem((*place, _SILENT), f"silent_for: {error}", "write a length of event time")


def _previous(
    entry: Entry[Rule], rule: Rule, place: Sequence[Part], value: object, known: Sequence[str]
) -> Iterator[Problem]:
    if not isinstance(rule.expect, Previous):
        yield entry.problem(
            place, "previous is given, but the rule expects a constant", "remove it", key=True
        )
    elif not isinstance(value, dict):
        yield entry.problem(place, f"previous is {value!r}", "write measures: previous: {orders: 100}")
    else:
        yield from _values(entry, place, value, known)


def _values(
    entry: Entry[Rule], place: Sequence[Part], values: Mapping[str, Any], known: Sequence[str]
) -> Iterator[Problem]:
    yield from unknown(entry, place, keyed(values), known, "measure", key=True)
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield entry.problem((*place, name), f"{name}: {value!r} is not a number", "write a number")


def _measures(draft: Draft, rule: Rule) -> list[str]:
    """Every name that may have a value: the measures of the KPI and what its minimum names."""
    kpi = draft.kpis.get(rule.kpi)
    names = list(kpi.measures) if kpi else []
    if rule.minimum is not None:
        names.append(rule.minimum.measure)
    return names
