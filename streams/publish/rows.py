"""The rows of a CSV or NDJSON file, each with the line it begins on.

Decides which row is the header, what is skipped and what cannot be a row; knows nothing of events. A row
with more or fewer fields than the header is refused: shifted columns would be wrong figures.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from schemas.errors import InputError
from schemas.eventmap import FileMap
from streams.publish.outcome import Refused
from streams.publish.template import compile_condition

NDJSON = (".ndjson", ".jsonl")
#: a longer field is not a field: a quotation mark was left open
_FIELD_CHARACTERS = 8_000_000
_HEADER_WITHIN = 200


class Row(NamedTuple):
    """One row: the line it begins on and its columns, with `@file`, `@line` and `@row`."""

    line: int
    columns: dict[str, str]


class Skipped(NamedTuple):
    """A row that the map leaves out, and why."""

    line: int
    why: str


Read = Row | Skipped | Refused


class RowFile:
    """One file to read: `rows(wanted)` may be called again and gives the same rows."""

    def __init__(self, path: Path, file_map: FileMap) -> None:
        self.path, self.map = path, file_map
        self._skips = [compile_condition(condition) for condition in file_map.skip]
        #: told the bytes read so far, now and then
        self.on_progress: Callable[[int], None] = lambda _: None

    def rows(self, wanted: set[str]) -> Iterator[Read]:
        """Every row; InputError when the file cannot be opened or no row holds the wanted columns."""
        is_ndjson = self.path.suffix in NDJSON
        try:
            with self.path.open(newline="", encoding=self.map.encoding, errors="surrogateescape") as lines:
                for read in (self._ndjson if is_ndjson else self._csv)(lines, wanted):
                    yield self._finish(read, lines)
        except (OSError, LookupError) as error:
            remedy = "check the path, its rights, and `encoding` in the map"
            raise InputError(f"{self.path} cannot be read: {error}", remedy=remedy) from error

    def count(self, wanted: set[str]) -> int:
        """How many rows stand behind the header."""
        return max(
            (int(read.columns["@row"]) for read in self.rows(wanted) if isinstance(read, Row)), default=0
        )

    def _finish(self, read: Read, lines: TextIO) -> Read:
        if not isinstance(read, Row):
            return read
        if int(read.columns["@row"]) % 500 == 0:
            self.on_progress(lines.buffer.tell())
        for name, value in read.columns.items():
            if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
                shown = value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                remedy = "save the file in that encoding, or change `encoding` in the map"
                reason = f"is not {self.map.encoding}"
                return Refused(self.path.name, read.line, reason, name, shown[:200], remedy)
        if any(holds(read.columns) for holds in self._skips):
            return Skipped(read.line, "as the map says")
        return read

    def _csv(self, lines: TextIO, wanted: set[str]) -> Iterator[Read]:
        csv.field_size_limit(_FIELD_CHARACTERS)
        records = self._records(csv.reader(lines, delimiter=self.map.delimiter))
        header = self.map.header
        if header is None:
            before, header = self._header(records, wanted)
            yield from (Skipped(line, "before the header") for line in before)
        elif missing := wanted - set(header):
            raise InputError(f"the map of {self.path.name} has no column {', '.join(sorted(missing))}")
        for number, (line, record) in enumerate(records, start=1):
            yield self._row(line, number, record, header)

    def _records(self, reader: Any) -> Iterator[tuple[int, list[str] | str]]:
        """(line, cells) of each record; the text of the error instead of cells where it cannot be read."""
        while True:
            line = reader.line_num + 1
            try:
                yield line, [cell.strip() for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield line, str(error)

    def _header(
        self, records: Iterable[tuple[int, list[str] | str]], wanted: set[str]
    ) -> tuple[list[int], list[str]]:
        before: list[int] = []
        nearest: set[str] = set()
        for line, record in records:
            found = wanted & set(record if isinstance(record, list) else [])
            if found == wanted and isinstance(record, list):
                return before, record
            nearest = max(nearest, found, key=len)
            before.append(line)
            if len(before) >= _HEADER_WITHIN:
                break
        missing = ", ".join(sorted(wanted - nearest))
        raise InputError(
            f"{self.path}: none of the first {len(before)} rows holds the map's columns; missing: {missing}",
            remedy="correct the names in the map, or give it a `header` if the file has none",
        )

    def _row(self, line: int, number: int, record: list[str] | str, header: list[str]) -> Read:
        file = self.path.name
        if isinstance(record, str):
            return Refused(file, line, f"is not CSV: {record}", "the row", "", "mend its quotation marks")
        if not any(record):
            return Skipped(line, "without text")
        if len(record) != len(header):
            reason = f"has {len(record)} fields, the header {len(header)}"
            remedy = "put texts that hold the delimiter in quotation marks"
            return Refused(file, line, reason, "the row", self.map.delimiter.join(record)[:200], remedy)
        return Row(line, dict(zip(header, record, strict=True)) | _pseudo(file, line, number))

    def _ndjson(self, lines: TextIO, wanted: set[str]) -> Iterator[Read]:
        absent = dict.fromkeys(wanted, "")
        for number, text in enumerate(lines, start=1):
            if not text.strip():
                yield Skipped(number, "without text")
                continue
            try:
                columns = flatten(json.loads(text, parse_float=str, parse_int=str))
            except (ValueError, RecursionError) as error:
                reason = f"is not a JSON object: {error}"
                yield Refused(
                    self.path.name, number, reason, "the line", text[:200], "write one JSON object a line"
                )
                continue
            yield Row(number, absent | columns | _pseudo(self.path.name, number, number))


def _pseudo(file: str, line: int, number: int) -> dict[str, str]:
    return {"@file": file, "@line": str(line), "@row": str(number)}


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """The fields of a JSON object as columns: inner objects by dots, lists by their numbers.

    >>> flatten({"a": {"b": "1"}, "c": [True, None]})
    {'a.b': '1', 'c.0': 'true', 'c.1': ''}
    """
    if isinstance(value, dict):
        inner = {f"{prefix}{name}": one for name, one in value.items()}
    elif isinstance(value, list) and prefix:
        inner = {f"{prefix}{number}": one for number, one in enumerate(value)}
    else:
        raise ValueError("neither braces nor names")
    columns: dict[str, str] = {}
    for name, one in inner.items():
        if isinstance(one, dict | list):
            columns |= flatten(one, f"{name}.")
        else:
            columns[name] = (
                "" if one is None else str(one).lower() if isinstance(one, bool) else str(one).strip()
            )
    return columns
