"""Channels: their kind and options exist, who is routed to one can be reached on it, no secret is in a file.

Which kinds there are is told by the caller: the catalogue refuses to know how anything is sent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from schemas.route import Channel
from streams.catalogue.checks.names import unknown
from streams.catalogue.document import Part
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry, form_problems
from streams.catalogue.problem import Problem


class ChannelKind(NamedTuple):
    """What a kind of channel takes: its options, and whether all read it together (no contact is needed)."""

    options: type[BaseModel]
    shared: bool


Kinds = Mapping[str, ChannelKind]

_SECRET_NAME = re.compile(r"secret|token|passw|credential|api_?key|access_?key|^key$", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"[?&](key|access_token|token|sign|secret)=[^&\s]+|://[^/\s:@]+:[^/\s@]+@", re.IGNORECASE
)
_REFERENCE = ("_env", "_file")


def check(draft: Draft, kinds: Kinds | None) -> Iterator[Problem]:
    """Problems of channels.yaml and of who is told on them; `kinds` None: only secrets are looked for."""
    for entry, channel in draft.channels:
        secrets = list(_secrets(entry, ("options",), channel.options))
        yield from secrets
        if kinds is not None:
            yield from unknown(entry, (), [(("kind",), channel.kind)], list(kinds), "kind of channel")
            if channel.kind in kinds and not secrets:
                yield from form_problems(kinds[channel.kind].options, entry, ("options",), channel.options)
    if kinds is not None:
        yield from _unreachable(draft, kinds)


def _unreachable(draft: Draft, kinds: Kinds) -> Iterator[Problem]:
    """A problem for each person of a route who has no contact on a channel of it that needs one."""
    needing = {channel.id for channel in draft.channels.models if not _shared(channel, kinds)}
    for entry, route in draft.routes:
        for index, name in enumerate(route.people):
            person = draft.people.get(name)
            contacts = route.channels if person is None else person.contacts
            for channel in sorted(needing.intersection(route.channels).difference(contacts)):
                remedy = f"write it in people.yaml: contacts: {{{channel}: …}}"
                yield entry.problem(("people", index), f"{name!r} has no contact on {channel!r}", remedy)


def _shared(channel: Channel, kinds: Kinds) -> bool:
    return channel.kind not in kinds or kinds[channel.kind].shared


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
