"""People and routes: whatever they name exists, and stands once."""

from collections.abc import Iterator, Sequence

from schemas.route import Route
from streams.catalogue.checks.names import duplicate_ids, keyed, listed, repeated, unknown
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem


def check(draft: Draft) -> Iterator[Problem]:
    """Problems of people.yaml, channels.yaml and routes.yaml."""
    yield from duplicate_ids(draft.people, "person")
    yield from duplicate_ids(draft.channels, "channel")
    yield from duplicate_ids(draft.routes, "route")
    for entry, person in draft.people:
        yield from unknown(
            entry, ("scope",), keyed(person.scope), draft.dimensions.ids, "dimension", key=True
        )
        yield from unknown(
            entry, ("contacts",), keyed(person.contacts), draft.channels.ids, "channel", key=True
        )
    for route, plan in draft.routes:
        yield from _route(draft, route, plan)


def _route(draft: Draft, entry: Entry[Route], route: Route) -> Iterator[Problem]:
    lists: list[tuple[str, list[str], Sequence[str], str]] = [
        ("tiers", route.tiers, draft.ladder, "tier"),
        ("rules", route.rules, draft.rules.ids, "rule"),
        ("people", route.people, draft.people.ids, "person"),
        ("channels", route.channels, draft.channels.ids, "channel"),
    ]
    for name, values, known, what in lists:
        yield from unknown(entry, (name,), listed(values), known, what)
        yield from repeated(entry, (name,), values, what)
    yield from unknown(entry, ("scope",), keyed(route.scope), draft.dimensions.ids, "dimension", key=True)
