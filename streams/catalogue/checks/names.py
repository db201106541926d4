"""Checks that every subject shares: a name must exist, and must stand only once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from pydantic import BaseModel

from streams.catalogue.document import Part
from streams.catalogue.draft import Entries
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem, suggest

M = TypeVar("M", bound=BaseModel)


def unknown(
    entry: Entry[M],
    place: Sequence[Part],
    names: Iterable[tuple[Sequence[Part], str]],
    known: Sequence[str],
    what: str,
    *,
    key: bool = False,
) -> Iterator[Problem]:
    """A problem for each name that is not known, at its place below `place`.

    `what` is the singular of what it should be; `key`: the names are keys of a mapping.
    """
    for inner, name in names:
        if name not in known:
            remedy = suggest(name, known, plural="people" if what == "person" else f"{what}s")
            yield entry.problem((*place, *inner), f"unknown {what} {name!r}", remedy, key=key)


def listed(names: Sequence[str]) -> list[tuple[Sequence[Part], str]]:
    """The names of a list, each with its place in it."""
    return [((index,), name) for index, name in enumerate(names)]


def keyed(names: Iterable[str]) -> list[tuple[Sequence[Part], str]]:
    """The names that are keys of a mapping, each with its place."""
    return [((name,), name) for name in names]


def duplicate_ids(entries: Entries[M], what: str) -> Iterator[Problem]:
    """A problem for each id that an earlier definition already has."""
    first: dict[str, Entry[M]] = {}
    for entry in entries.all:
        if not entry.id:
            continue
        earlier = first.setdefault(entry.id, entry)
        if earlier is not entry:
            line, column = earlier.document.mark((*earlier.place, "id"))
            where = f"{earlier.document.file}:{line}:{column}"
            yield entry.problem(
                ("id",), f"{what} {entry.id!r} stands twice", f"rename this one or the one at {where}"
            )


def repeated(
    entry: Entry[M], place: Sequence[Part], values: Sequence[object], what: str
) -> Iterator[Problem]:
    """A problem for each value of a list that already stood in it."""
    for index, value in enumerate(values):
        if value in values[:index]:
            yield entry.problem((*place, index), f"{what} {value!r} stands twice", "remove one")
