"""A YAML file as plain values, each with the place where it stands.

Decides what YAML means here: version 1.2 (`on` and `no` are text), dates stay text, no duplicate keys, no
tags, no merge keys, finite numbers. Knows nothing of what a catalogue is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from streams.catalogue.problem import Problem

Part = str | int
Place = tuple[Part, ...]
Mark = tuple[int, int]

_TAG = "tag:yaml.org,2002:"
#: more values than this in one file are not a catalogue but an alias bomb
_NODES = 100_000


@dataclass(slots=True)
class Document:
    """One file: its value, where every value and key begins, and what YAML itself has against it."""

    file: str
    value: Any = None
    values: dict[Place, Mark] = field(default_factory=dict)
    keys: dict[Place, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def mark(self, place: Sequence[Part], *, key: bool = False) -> Mark:
        """Line and column of the value (or of its key); of the nearest enclosing value if it is absent."""
        if key and tuple(place) in self.keys:
            return self.keys[tuple(place)]
        nearest = (tuple(place[:length]) for length in range(len(place), -1, -1))
        return next((self.values[one] for one in nearest if one in self.values), (1, 1))

    def problem(self, place: Sequence[Part], what: str, remedy: str, *, key: bool = False) -> Problem:
        """A problem at that place of this file."""
        line, column = self.mark(place, key=key)
        return Problem(self.file, line, column, what, remedy)

    def add(self, mark: Mark, what: str, remedy: str) -> None:
        """Note a problem at a line and column."""
        self.problems.append(Problem(self.file, *mark, what, remedy))


def read_document(path: Path, file: str) -> Document:
    """Read a file of UTF-8 YAML; what is wrong with it is in `problems`, and then `value` may be None."""
    document = Document(file)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        mark = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        document.add(mark, f"byte 0x{error.object[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        return document
    except OSError as error:
        document.add((1, 1), f"cannot be read: {error.strerror}", "mend its rights or remove it")
        return document
    return parse_document(text, file)


def parse_document(text: str, file: str) -> Document:
    """Read YAML text; see `read_document`."""
    document = Document(file)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = (at.line + 1, at.column + 1) if at else (1, 1)
        document.add(
            mark, f"not YAML: {error.problem or error.context}", "mend the syntax (quotes, indents, colons)"
        )
        return document
    except YAMLError as error:
        document.add(
            (1, 1),
            f"not YAML: {' '.join(str(error).split())}",
            "remove control characters; save as UTF-8 text",
        )
        return document
    if root is not None:
        document.value = _Builder(document).build(root, ())
    if document.value is None and not document.problems:
        document.add((1, 1), "the file is empty", "fill it or remove it")
    return document


class _Builder:
    """Turns a node graph into plain values and fills the document's marks."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: list[int] = []
        self._count = 0

    def build(self, node: Node, place: Place) -> Any:
        """The plain value of a node; what cannot be one is a problem and None."""
        self._document.values[place] = _mark(node)
        self._count += 1
        if id(node) in self._open or self._count == _NODES:
            self._refuse(node, "an alias that contains itself or grows without end", "write the value out")
        if id(node) in self._open or self._count >= _NODES:
            return None
        self._open.append(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, place)
            if isinstance(node, SequenceNode):
                return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
            return self._scalar(node)
        finally:
            self._open.pop()

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode) or key_node.tag == _TAG + "merge":
                self._refuse(key_node, "a key that is not plain text", "write the keys out one by one")
                continue
            name = str(key_node.value)
            inner = (*place, name)
            if name in result:
                line, column = self._document.keys[inner]
                self._refuse(
                    key_node, f"key {name!r} stands twice", f"keep this one or the one at {line}:{column}"
                )
                continue
            self._document.keys[inner] = _mark(key_node)
            result[name] = self.build(value_node, inner)
        return result

    def _scalar(self, node: Node) -> Any:
        text, tag = str(node.value), str(node.tag)
        match tag.removeprefix(_TAG):
            case "str" | "timestamp":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return _integer(text)
            case "float":
                number = _float(text)
                if not isfinite(number):
                    self._refuse(node, f"{text} is not a finite number", "write a number")
                return number
            case _:
                self._refuse(node, f"tag {tag!r} is not known", "write the plain value")
                return None

    def _refuse(self, node: Node, what: str, remedy: str) -> None:
        self._document.add(_mark(node), what, remedy)


def _mark(node: Node) -> Mark:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    try:
        return int(digits)
    except ValueError:
        return int(digits, 0)


def _float(text: str) -> float:
    digits = text.replace("_", "").lower()
    return float(digits.replace(".inf", "inf").replace(".nan", "nan"))
