"""The event kinds: one file each, found by looking into this folder.

A new kind is a new file beside this one (and its JSON Schema: `planwatch event schema --write`). Files whose
names begin with `_` hold what kinds share.
"""

import importlib
import pkgutil

from schemas.events._base import Event, EventKind
from schemas.events._fields import EventField

__all__ = ["KINDS", "Event", "EventField", "EventKind", "kinds_of"]


def _load(name: str) -> EventKind:
    module = importlib.import_module(f"{__name__}.{name}")
    return EventKind(name, module.MODEL, module.TOPIC, module.KEY, module.TITLE, module.EXAMPLE)


#: every kind, by name
KINDS: dict[str, EventKind] = {
    found.name: _load(found.name)
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name)
    if not found.ispkg and not found.name.startswith("_")
}


def kinds_of(topic: str) -> tuple[EventKind, ...]:
    """The kinds that a topic takes; its installation's prefix does not matter.

    >>> [kind.kind for kind in kinds_of("planwatch.sentiment.v1")]
    ['mention']
    """
    return tuple(kind for kind in KINDS.values() if f".{topic}".endswith(f".{kind.topic}"))
