"""The catalogue's folder, read but not yet checked against itself: every definition with its place.

Decides which file holds what. A definition whose form is wrong keeps its name, so that what refers to it is
not reported a second time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from schemas.catalogue import Installation
from schemas.dimension import Dimension
from schemas.kpi import Kpi
from schemas.route import Channel, Person, Route
from schemas.rule import Rule
from schemas.tier import Tier
from streams.catalogue.document import Document, read_document
from streams.catalogue.entry import Entry, read_entry
from streams.catalogue.problem import Problem, suggest

M = TypeVar("M", bound=BaseModel)

#: files that hold a list of definitions
LISTS = ("dimensions.yaml", "tiers.yaml", "people.yaml", "channels.yaml", "routes.yaml")
#: folders that hold one definition a file
FOLDERS = ("kpis", "rules")
INSTALLATION = "installation.yaml"
#: planned, and refused by name until then
_LATER = {"targets.yaml": "targets", "targets": "targets"}


@dataclass(frozen=True, slots=True)
class Entries(Generic[M]):
    """All definitions of one sort, in the order of their file or by file name."""

    all: list[Entry[M]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """Every id that is written, whether its definition could be read or not."""
        return [entry.id for entry in self.all if entry.id]

    def __iter__(self) -> Iterator[tuple[Entry[M], M]]:
        """The definitions that could be read, with their models."""
        return ((entry, entry.model) for entry in self.all if entry.model is not None)

    @property
    def models(self) -> list[M]:
        """The models that could be read."""
        return [model for _, model in self]

    def get(self, name: str) -> M | None:
        """The model of that id, if it could be read."""
        return next((model for entry, model in self if entry.id == name), None)


@dataclass(slots=True)
class Draft:
    """What a catalogue's folder says, with what is wrong with its form."""

    problems: list[Problem]
    installation: Entries[Installation]
    dimensions: Entries[Dimension]
    tiers: Entries[Tier]
    kpis: Entries[Kpi]
    rules: Entries[Rule]
    people: Entries[Person]
    channels: Entries[Channel]
    routes: Entries[Route]

    @property
    def ladder(self) -> list[str]:
        """The tiers' ids, mildest first."""
        return self.tiers.ids


def read_draft(folder: Path) -> Draft:
    """Read every file of the folder; problems of form are collected, none is raised."""
    problems: list[Problem] = []
    if not folder.is_dir():
        problems.append(
            Problem(
                str(folder),
                1,
                1,
                "is not a folder",
                "name a catalogue's folder, or make one: planwatch init DIR",
            )
        )
    else:
        problems += _strangers(folder)
    reader = _Reader(folder, problems)
    return Draft(
        problems,
        installation=reader.single(INSTALLATION, Installation),
        dimensions=reader.listed("dimensions.yaml", Dimension),
        tiers=reader.listed("tiers.yaml", Tier),
        kpis=reader.one_each("kpis", Kpi),
        rules=reader.one_each("rules", Rule),
        people=reader.listed("people.yaml", Person),
        channels=reader.listed("channels.yaml", Channel),
        routes=reader.listed("routes.yaml", Route),
    )


class _Reader:
    def __init__(self, folder: Path, problems: list[Problem]) -> None:
        self._folder = folder
        self._problems = problems

    def single(self, name: str, model: type[M]) -> Entries[M]:
        document = self._document(name)
        return Entries() if document is None else Entries([self._entry(model, document, (), document.value)])

    def listed(self, name: str, model: type[M]) -> Entries[M]:
        document = self._document(name)
        if document is None:
            return Entries()
        if not isinstance(document.value, list):
            self._problems.append(
                document.problem((), "is not a list of definitions", "begin each with `- id: …`")
            )
            return Entries()
        return Entries([self._entry(model, document, (at,), raw) for at, raw in enumerate(document.value)])

    def one_each(self, name: str, model: type[M]) -> Entries[M]:
        entries: Entries[M] = Entries()
        for path in sorted((self._folder / name).glob("*.yaml")):
            file = f"{name}/{path.name}"
            document = self._document(file)
            if document is None or not isinstance(document.value, dict):
                document = document or Document(file)
                entries.all.append(Entry(document, (), {"id": path.stem}, None))
                if document.value is not None:
                    self._problems.append(
                        document.problem((), "is not a mapping", "write `key: value` lines")
                    )
                continue
            entry = self._entry(model, document, (), document.value)
            if entry.id and entry.id != path.stem:
                remedy = f"rename the file to {entry.id}.yaml or write `id: {path.stem}`"
                self._problems.append(
                    entry.problem(("id",), f"id {entry.id!r} is not the file's name {path.stem!r}", remedy)
                )
            entries.all.append(entry)
        return entries

    def _document(self, file: str) -> Document | None:
        """The file as a document; None when it is missing (a problem) or holds nothing that can be used."""
        path = self._folder / file
        if not path.exists():
            if self._folder.is_dir():
                self._problems.append(
                    Problem(
                        file, 1, 1, "is missing", "copy it from the default catalogue: planwatch init DIR"
                    )
                )
            return None
        document = read_document(path, file)
        self._problems.extend(document.problems)
        return None if document.value is None else document

    def _entry(self, model: type[M], document: Document, place: tuple[int, ...], raw: object) -> Entry[M]:
        entry, problems = read_entry(model, document, place, raw)
        self._problems.extend(problems)
        return entry


def _strangers(folder: Path) -> Iterable[Problem]:
    """Files that nobody would read: a misspelt name must not be a rule that silently does not exist."""
    names = [INSTALLATION, *LISTS, *FOLDERS]
    for path in sorted(folder.iterdir()):
        if path.name in _LATER:
            yield Problem(
                path.name,
                1,
                1,
                f"{_LATER[path.name]} are not in this version",
                "remove it; use `previous` or `constant`",
            )
        elif path.name.startswith(".") or path.name in names or path.suffix == ".md":
            continue
        elif path.is_dir() or path.suffix in (".yaml", ".yml", ".json"):
            yield Problem(
                path.name, 1, 1, "is not a part of a catalogue", suggest(path.name, names, plural="parts")
            )
    for inner in sorted(path for name in FOLDERS for path in (folder / name).glob("*")):
        if not inner.name.startswith(".") and inner.suffix not in (".yaml", ".md"):
            file = f"{inner.parent.name}/{inner.name}"
            yield Problem(file, 1, 1, "would not be read", f"rename it to {inner.stem}.yaml or remove it")
