"""People, channels and routes: everybody who is to be told can be reached, and no secret stands in a file."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from schemas.route import Channel, Route
from streams.catalogue.checks.names import duplicate_ids, keyed, listed, repeated, unknown
from streams.catalogue.document import Part
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem

_SECRET_NAME = re.compile(
    r"secret|token|password|passwd|credential|api_?key|access_?key|^key$", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"[?&](key|access_token|token|sign|secret)=[^&\s]+|://[^/\s:@]+:[^/\s@]+@", re.IGNORECASE
)
_REFERENCE = ("_env", "_file")


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
    for channel, model in draft.channels:
        yield from _secrets(channel, ("options",), model.options)
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


def _secrets(entry: Entry[Channel], place: Sequence[Part], options: dict[str, Any]) -> Iterator[Problem]:
    """A problem for every option that looks like a secret itself and not like the name of where it is."""
    for name, value in options.items():
        inner = (*place, name)
        if isinstance(value, dict):
            yield from _secrets(entry, inner, value)
            continue
        named = _SECRET_NAME.search(name) and not name.endswith(_REFERENCE)
        if isinstance(value, str) and (named or _SECRET_VALUE.search(value)):
            remedy = f"put it into the environment and write `{name}_env: NAME`, or `{name}_file: PATH`"
            yield entry.problem(inner, f"option {name!r} holds a secret", remedy)
