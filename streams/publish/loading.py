"""A map from its YAML file, or every reason why not, each with line, column and remedy."""

from pathlib import Path

from schemas.errors import InputError
from schemas.eventmap import EventMap
from streams.catalogue.document import read_document
from streams.catalogue.entry import read_entry


def load_map(path: Path) -> EventMap:
    """The map in this file; InputError carries every problem at once."""
    document = read_document(path, str(path))
    if document.problems:
        raise InputError("\n".join(map(str, document.problems)))
    entry, problems = read_entry(EventMap, document, (), document.value)
    if entry.model is None:
        raise InputError("\n".join(str(problem) for problem in sorted(problems)))
    return entry.model
