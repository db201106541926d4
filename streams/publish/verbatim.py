"""A file of events as they are: NDJSON without a map, one event a line."""

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from schemas.errors import InputError
from streams.publish.mapping import Draft
from streams.publish.outcome import Refused, cut
from streams.publish.rows import Skipped


class VerbatimFile:
    """One file; `outcomes()` gives what becomes of each line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.on_progress: Callable[[int], None] = lambda _: None

    def outcomes(self) -> Iterator[Draft | Refused | Skipped]:
        """Each line as an event; InputError when the file cannot be opened."""
        try:
            with self.path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if number % 500 == 0:
                        self.on_progress(lines.tell())
                    yield self._line(number, line) if line.strip() else Skipped(number, "without text")
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be read: {error}", remedy="check the path and its rights"
            ) from error

    def _line(self, number: int, line: bytes) -> Draft | Refused:
        shown = cut(line.decode("utf-8", "backslashreplace").strip())
        remedy = "write one JSON object a line, in UTF-8"
        try:
            is_object = isinstance(orjson.loads(line), dict)
        except ValueError as error:
            return Refused(self.path.name, number, f"is not JSON: {error}", "the line", shown, remedy)
        if not is_object:
            return Refused(self.path.name, number, "is no JSON object", "the line", shown, remedy)
        return Draft(number, line.strip())
