"""One definition of the catalogue: its model, if its form allows one, and the place where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from streams.catalogue.document import Document, Part, Place
from streams.catalogue.problem import Problem
from streams.catalogue.wording import explain, show

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Entry(Generic[M]):
    """A definition: where it stands, its raw value, and its model if it could be read."""

    document: Document
    place: Place
    raw: dict[str, Any]
    model: M | None

    @property
    def id(self) -> str:
        """Its id as written; the empty text when there is none."""
        return str(self.raw.get("id", ""))

    def problem(self, place: Sequence[Part], what: str, remedy: str, *, key: bool = False) -> Problem:
        """A problem at a place within this definition (at its key, if asked for)."""
        return self.document.problem((*self.place, *place), what, remedy, key=key)


def read_entry(
    model: type[M], document: Document, place: Place, raw: object
) -> tuple[Entry[M], list[Problem]]:
    """The definition at a place of a document, and everything that is wrong with its form."""
    if not isinstance(raw, dict):
        problem = document.problem(place, f"{show(raw)} is not a mapping", "write `key: value` lines")
        return Entry(document, place, {}, None), [problem]
    try:
        return Entry(document, place, raw, model.model_validate(raw)), []
    except ValidationError:
        entry: Entry[M] = Entry(document, place, raw, None)
        return entry, form_problems(model, entry, (), raw)


def form_problems(
    model: type[BaseModel], entry: Entry[M], place: Place, raw: dict[str, Any]
) -> list[Problem]:
    """Why a part of a definition cannot be such a model; empty when it can."""
    try:
        model.model_validate(raw)
    except ValidationError as error:
        reasons = [explain(model, raw, details) for details in error.errors(include_url=False)]
        found = [entry.problem((*place, *r.place), r.what, r.remedy, key=r.key) for r in reasons]
        return list(dict.fromkeys(found))
    return []
