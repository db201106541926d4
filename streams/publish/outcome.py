"""What became of the rows of a file: refused with the reason, skipped as the map says, or an event.

Knows nothing of files, maps or Kafka. Refusals are values: one bad row never stops the others.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

#: longer values are cut in reports
_SHOWN = 200


class Refused(NamedTuple):
    """A row that did not become an event: where it stands, what is wrong with it, what to do."""

    file: str
    line: int
    reason: str
    field: str
    value: str
    remedy: str

    def __str__(self) -> str:
        value = f" {self.value!r}" if self.value else ""
        return f"{self.file}:{self.line}: {self.field}{value} {self.reason} — {self.remedy}"


class UnusableError(ValueError):
    """A value of a row cannot be used; the row it stands in is refused with this text."""

    def __init__(self, reason: str, *, field: str, value: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.field, self.value, self.remedy = reason, field, value, remedy

    def refusal(self, file: str, line: int) -> Refused:
        """The refusal of the row."""
        return Refused(file, line, self.reason, self.field, cut(self.value), self.remedy)


@dataclass(slots=True)
class Tally:
    """The counts of one file: rows = events + refused + skipped."""

    file: str
    rows: int = 0
    events: int = 0
    refused: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


def cut(text: str, length: int = _SHOWN) -> str:
    """The text, cut to length.

    >>> cut("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= length else text[: length - 1] + "…"
