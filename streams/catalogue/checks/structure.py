"""Dimensions and tiers: names stand once, parents exist and do not run in a circle."""

from collections.abc import Iterator

from schemas.dimension import OTHER, UNKNOWN, Dimension
from schemas.tier import NONE
from streams.catalogue.checks.names import duplicate_ids, repeated, unknown
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem

#: labels and tags that figures carry besides dimensions
RESERVED = (
    "kpi",
    "window",
    "level",
    "rule",
    "tier",
    "topic",
    "partition",
    "reason",
    "job",
    "instance",
    "le",
    "quantile",
)


def check(draft: Draft) -> Iterator[Problem]:
    """Problems of dimensions.yaml and tiers.yaml."""
    yield from duplicate_ids(draft.dimensions, "dimension")
    yield from duplicate_ids(draft.tiers, "tier")
    for entry, dimension in draft.dimensions:
        yield from _dimension(draft, entry, dimension)
    for tier, _ in draft.tiers:
        if tier.id == NONE:
            yield tier.problem(("id",), "tier 'none' is the state below the ladder", "choose another id")


def _dimension(draft: Draft, entry: Entry[Dimension], dimension: Dimension) -> Iterator[Problem]:
    if dimension.id in RESERVED:
        what = f"dimension {dimension.id!r} has the name of a label that every figure carries"
        yield entry.problem(("id",), what, "choose another id")
    if dimension.parent is not None:
        yield from unknown(entry, (), [(("parent",), dimension.parent)], draft.dimensions.ids, "dimension")
        circle = _circle(draft, dimension)
        if circle:
            yield entry.problem(
                ("parent",), f"parents run in a circle: {' → '.join(circle)}", "remove one parent"
            )
    if len(dimension.expected) > dimension.limit:
        what = f"{len(dimension.expected)} expected values but limit {dimension.limit}"
        yield entry.problem(("expected",), what, "raise the limit or expect fewer")
    yield from repeated(entry, ("expected",), dimension.expected, "value")
    for index, value in enumerate(dimension.expected):
        if value in (OTHER, UNKNOWN, ""):
            yield entry.problem(
                ("expected", index), f"value {value!r} is not one that events carry", "remove it"
            )


def _circle(draft: Draft, dimension: Dimension) -> list[str]:
    """The path from a dimension back to itself; empty when its parents end."""
    path = [dimension.id]
    at: Dimension | None = dimension
    while at is not None and at.parent is not None:
        path.append(at.parent)
        if at.parent == dimension.id:
            return path
        if at.parent in path[:-1]:
            return []
        at = draft.dimensions.get(at.parent)
    return []
