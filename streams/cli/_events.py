"""What `planwatch event check` finds in a file: the worker's own reader, applied to every event of it."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.catalogue import Catalogue
from schemas.errors import InputError
from schemas.events import KINDS, kinds_of
from schemas.refusal import RefusalReason
from streams.engine.measure_read import EventReader
from streams.engine.measure_refusal import Fault, fault

_BLANK = re.compile(r"[\s,]*")


class Finding(NamedTuple):
    """What is wrong with the event that begins at this line of the file."""

    line: int
    fault: Fault


@dataclass
class Report:
    """What would become of the events of a file."""

    refused: list[Finding] = field(default_factory=list)
    #: line → the line that has the same event_id before it
    duplicates: dict[int, int] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        """One line an event that would not be counted, in the order of the file."""
        texts = {line: f"duplicate of line {first}: counted once" for line, first in self.duplicates.items()}
        for line, (reason, name, value, remedy) in self.refused:
            what = f"{name} = {value}" if name and value else name or value
            texts[line] = f"{reason}: {what} — {remedy}"
        return (f"{line}: {texts[line]}" for line in sorted(texts))

    def summary(self) -> str:
        """The whole in one line."""
        kinds = ", ".join(
            f"{count} {kind} to …{KINDS[kind].topic}" for kind, count in sorted(self.kinds.items())
        )
        counted = self.kinds.total()
        counts = f"{counted} would be counted, {len(self.duplicates)} duplicate, {len(self.refused)} refused"
        return f"{counts} ({kinds})" if kinds else counts

    def as_dict(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "counted": self.kinds.total(),
            "kinds": dict(self.kinds),
            "duplicates": [{"line": line, "first": first} for line, first in self.duplicates.items()],
            "refused": [{"line": line, **wrong._asdict()} for line, wrong in self.refused],
        }


def check_events(text: bytes, catalogue: Catalogue, topic: str, now_ms: int) -> Report:
    """What would become of these events, were they sent now; InputError when there are none."""
    kinds = kinds_of(topic) if topic else tuple(KINDS.values())
    if not kinds:
        raise InputError(f"topic {topic!r} takes no events", remedy=f"one of {', '.join(_topics())}")
    reader = EventReader(kinds, catalogue)
    latest_ms = now_ms + catalogue.installation.future_limit.ms
    report, seen = Report(), dict[str, int]()
    for line, value in split_events(text):
        event = reader.read_one(value)
        if not isinstance(event, Fault) and event["occurred_at"] > latest_ms:
            remedy = "send it once it has happened, and not before"
            event = fault(RefusalReason.FROM_THE_FUTURE, "occurred_at", str(event["occurred_at"]), remedy)
        if isinstance(event, Fault):
            report.refused.append(Finding(line, event))
        elif (first := seen.setdefault(event["event_id"], line)) != line:
            report.duplicates[line] = first
        else:
            report.kinds[event["kind"]] += 1
    if not seen and not report.refused:
        raise InputError("there is no event in it", remedy="write one JSON object a line")
    return report


def _topics() -> list[str]:
    return sorted({kind.topic for kind in KINDS.values()})


def split_events(text: bytes) -> Iterator[tuple[int, bytes]]:
    """The events of a file with their lines: one JSON text over several lines, a JSON list, or one a line.

    >>> list(split_events(b'{"a": 1}\\n\\n{"a": 2}\\n'))
    [(1, b'{"a": 1}'), (3, b'{"a": 2}')]
    >>> list(split_events(b'[{"a": 1},\\n {"a": 2}]'))
    [(1, b'{"a": 1}'), (2, b'{"a": 2}')]
    """
    whole = _whole(text)
    if whole is None:
        yield from ((at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip())
    elif whole.startswith("["):
        yield from _of_list(text.decode())
    else:
        yield text[: text.index(b"{")].count(b"\n") + 1 if b"{" in text else 1, whole.encode()


def _whole(text: bytes) -> str | None:
    """The text without blanks around it if it is one JSON text, else None."""
    try:
        json.loads(text)
        return text.decode().strip()
    except ValueError:
        return None


def _of_list(text: str) -> Iterator[tuple[int, bytes]]:
    """The elements as they were written: parsing and writing them anew would mend what is wrong."""
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        if text[at] == "]":
            return
        _, end = decoder.raw_decode(text, at)
        yield text.count("\n", 0, at) + 1, text[at:end].encode()
        at = end
