"""Scopes: lists of dimensions that exist and over which the KPI means something."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import BaseModel

from schemas.kpi import Kpi
from streams.catalogue.checks.names import repeated, unknown
from streams.catalogue.document import Part
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem

M = TypeVar("M", bound=BaseModel)


def scopes_mean_something(
    draft: Draft, entry: Entry[M], kpi: Kpi | None, scopes: list[list[str]]
) -> Iterator[Problem]:
    """Problems of the `scopes` of a KPI or a rule; `kpi` None: its KPI could not be read."""
    for index, scope in enumerate(scopes):
        yield from dimensions_mean_something(draft, entry, kpi, ("scopes", index), scope)
    yield from repeated(entry, ("scopes",), [sorted(scope) for scope in scopes], "scope")


def dimensions_mean_something(
    draft: Draft, entry: Entry[M], kpi: Kpi | None, place: Sequence[Part], names: list[str]
) -> Iterator[Problem]:
    """Problems of one list of dimensions: unknown, repeated, or one that its KPI does not have."""
    known = draft.dimensions.ids
    items = [((*place, index), name) for index, name in enumerate(names)]
    yield from unknown(entry, (), items, known, "dimension")
    yield from repeated(entry, place, names, "dimension")
    if kpi is None or kpi.dimensions == "all" or not set(kpi.dimensions) <= set(known):
        return  # what its KPI means is not known, or is everything
    for at, name in items:
        if name in known and name not in kpi.dimensions:
            means = ", ".join(kpi.dimensions) or "only the company"
            yield entry.problem(
                at, f"{kpi.id} means nothing by {name}", f"remove it; dimensions of {kpi.id}: {means}"
            )
