"""A file under its map: every row becomes an event (as JSON would hold it), or is refused, or skipped.

Knows the map and the rows; whether an event is valid is decided by the event models, later.
"""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from schemas.errors import InputError
from schemas.eventmap import EventMap, EventOf, FileMap, Lookup, Value
from streams.publish.outcome import Refused, UnusableError
from streams.publish.rows import Row, RowFile, Skipped
from streams.publish.tables import read_table
from streams.publish.template import Columns, Holds, compile_condition
from streams.publish.values import Compiled, Surroundings, as_json, as_text, columns_of, compile_value

_PSEUDO = {"@file", "@line", "@row"}


class Draft(NamedTuple):
    """An event that a row became, as it will be sent, not yet checked by its model."""

    line: int
    value: bytes


class _Branch(NamedTuple):
    """One of the events that a row may become, compiled."""

    holds: Holds
    kind: str
    fields: Mapping[str, Compiled]
    dimensions: Mapping[str, Compiled]
    attributes: Mapping[str, Compiled]


def map_of(path: Path, maps: list[EventMap]) -> tuple[EventMap, FileMap] | None:
    """The first part of the maps whose pattern matches the file's name; None when there is none."""
    for event_map in maps:
        for pattern, file_map in event_map.files.items():
            if fnmatch(path.name, pattern):
                return event_map, file_map
    return None


class MappedFile:
    """One file with its map: `outcomes()` gives what becomes of each row, in the file's order."""

    def __init__(self, path: Path, event_map: EventMap, file_map: FileMap) -> None:
        self.path = path
        self._file = RowFile(path, file_map)
        self.on_progress: Callable[[int], None] = lambda _: None
        self._wanted = wanted_columns(file_map)
        takes = _takes(file_map)
        tables = {
            name: read_table(table, path.parent, takes.get(name, ()))
            for name, table in event_map.tables.items()
            if name in takes
        }
        around = Surroundings(tables, event_map.zone, lambda: self._file.count(self._wanted))
        self._columns = {name: compile_value(value, around) for name, value in file_map.columns.items()}
        self._branches = [_branch(event, around) for event in file_map.events]

    def outcomes(self) -> Iterator[Draft | Refused | Skipped]:
        """What becomes of each row."""
        self._file.on_progress = self.on_progress
        for read in self._file.rows(self._wanted):
            yield self._map_row(read) if isinstance(read, Row) else read

    def _map_row(self, row: Row) -> Draft | Refused:
        columns = row.columns
        try:
            for name, compute in self._columns.items():
                columns[name] = as_text(compute(columns))
            for branch in self._branches:
                if branch.holds(columns):
                    return Draft(row.line, orjson.dumps(_event(branch, columns)))
        except UnusableError as error:
            return error.refusal(self.path.name, row.line)
        remedy = "add an event without `when` to the map, or a condition to `skip`"
        return Refused(self.path.name, row.line, "is no event of the map", "the row", "", remedy)


def _event(branch: _Branch, columns: Columns) -> dict[str, Any]:
    event: dict[str, Any] = {"kind": branch.kind, **_filled(branch.fields, columns)}
    for name, inner in (("dimensions", branch.dimensions), ("attributes", branch.attributes)):
        if filled := _filled(inner, columns):
            event[name] = filled
    return event


def _filled(values: Mapping[str, Compiled], columns: Columns) -> dict[str, Any]:
    computed = ((name, compute(columns)) for name, compute in values.items())
    return {name: as_json(result) for name, result in computed if result != ""}


def _branch(event: EventOf, around: Surroundings) -> _Branch:
    def compiled(values: Mapping[str, Value]) -> dict[str, Compiled]:
        return {name: compile_value(value, around) for name, value in values.items()}

    first = {"event_id": event.event_id, "occurred_at": event.occurred_at}
    if clash := sorted(first.keys() & event.fields.keys()):
        raise InputError(f"the map gives {clash[0]} twice", remedy="take it out of `fields`")
    return _Branch(
        compile_condition(event.when),
        event.kind,
        compiled(first | event.fields),
        compiled(event.dimensions),
        compiled(event.attributes),
    )


def _all_values(file_map: FileMap) -> Iterator[Value]:
    for event in file_map.events:
        yield from (event.event_id, event.occurred_at)
        for values in (event.fields, event.dimensions, event.attributes):
            yield from values.values()


def _takes(file_map: FileMap) -> dict[str, list[str]]:
    """Table → the columns that the map takes from it."""
    takes: dict[str, list[str]] = {}
    for value in (*file_map.columns.values(), *_all_values(file_map)):
        if isinstance(value, Lookup):
            takes.setdefault(value.lookup, []).append(value.take)
    return takes


def wanted_columns(file_map: FileMap) -> set[str]:
    """The columns that the file itself must have; InputError when one is used before the map makes it."""
    made: set[str] = set()
    wanted = {name for condition in file_map.skip for name in condition}
    for name, value in file_map.columns.items():
        wanted |= set(columns_of(value)) - made
        made.add(name)
    for value in _all_values(file_map):
        wanted |= set(columns_of(value)) - made
    wanted |= {name for event in file_map.events for name in event.when} - made
    return wanted - _PSEUDO
