"""Tables that values are looked up in: small CSV files, read whole, one row for each key.

Decides which row is a table's header and what a key that stands twice means. A table that cannot be read
stops the command: every row that needs it would be refused.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.errors import InputError
from schemas.eventmap import Table

Rows = dict[str, dict[str, str]]


def read_table(table: Table, folder: Path, takes: Iterable[str]) -> Rows:
    """Key → the columns taken. InputError: no file, no header, or a key with two different rows."""
    path = folder / table.file
    columns = sorted(set(takes))
    try:
        with path.open(newline="", encoding=table.encoding) as lines:
            rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=table.delimiter)]
    except (OSError, UnicodeError, LookupError, csv.Error) as error:
        remedy = "put it beside the file that is published, or change `file` or `encoding` of the map's table"
        raise InputError(f"table {path} cannot be read: {error}", remedy=remedy) from error
    if table.transposed:
        rows = [list(column) for column in zip(*rows, strict=False)]
    start, header = _header(path, rows, [table.key, *columns])
    result: Rows = {}
    for row in rows[start:]:
        cells = dict(zip(header, row, strict=False))
        key = cells.get(table.key, "")
        if key:
            _add(result, key, {name: cells.get(name, "") for name in columns}, table, path)
    return result


def _header(path: Path, rows: Sequence[Sequence[str]], wanted: Sequence[str]) -> tuple[int, Sequence[str]]:
    for number, row in enumerate(rows):
        if set(wanted) <= set(row):
            return number + 1, row
    raise InputError(
        f"table {path}: no row holds the columns {', '.join(wanted)}", remedy="correct the map's names"
    )


def _add(rows: Rows, key: str, taken: dict[str, str], table: Table, path: Path) -> None:
    if key not in rows or table.repeated == "last":
        rows[key] = taken
    elif rows[key] != taken and table.repeated == "refuse":
        raise InputError(
            f"table {path}: key {key!r} stands twice, with {rows[key]} and with {taken}",
            remedy="say `repeated: first` or `repeated: last` in the map, or mend the table",
        )
