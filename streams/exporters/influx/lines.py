"""Line protocol by hand: the tag part of a series is made once, a point costs one formatting.

Decides measurement, tags, fields and escaping. Hostile text is cleaned first (`base.label_value`), so a value
can neither end a line nor become a tag of its own. Refuses to know where lines go.
Source of the escaping: InfluxDB 1.8 and 2.x line protocol reference.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from math import isfinite
from typing import NamedTuple

from schemas.records import ClosedPeriod, Transition
from streams.engine.figures import Figure
from streams.exporters.base import RESERVED, Pairs, Rank, label_name, label_value, level_of

#: tag parts kept; beyond it they are made again
HEADS = 50_000

_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_SPECIAL = ",= "
#: a comma, or a blank, that ends something: `tag_value` lets no backslash stand before one that does
_COMMA, _BLANK = re.compile(r"(?<!\\),"), re.compile(r"(?<!\\) ")
_ESCAPED = re.compile(r"\\([,= ])")
#: in every time zone periods end at quarters of an hour, which as milliseconds end so
_QUARTERS = "00000"


class Lines(NamedTuple):
    """Lines without line ends, and how many figures have no finite value and so cannot be points."""

    lines: list[str]
    unwritable: int


class LineWriter:
    """Formats figures and transitions as line protocol with times in milliseconds.

    >>> figure = Figure("revenue", "1h", "region", (("region", "East"),), 3_600_000, 12.5, 20.0)
    >>> LineWriter().figures([figure]).lines
    ['kpi,kpi=revenue,level=region,region=East,window=1h value=12.5,expected=20.0 3600000']
    """

    def __init__(self, heads: int = HEADS) -> None:
        self._heads: dict[tuple[str, str, str, Pairs], str] = {}
        self._limit = heads

    def figures(self, figures: Iterable[Figure]) -> Lines:
        """One line per figure: `value`, and `expected` where there is one; time is the window's end."""
        lines: list[str] = []
        unwritable = 0
        for figure in figures:
            try:
                lines.append(self._line(figure))
            except (TypeError, ValueError, OverflowError):
                unwritable += 1
        return Lines(lines, unwritable)

    def _line(self, figure: Figure) -> str:
        kpi, window, level, scope, end_ms, value, expected = figure
        head = self._heads.get((kpi, window, level, scope)) or self._head(kpi, window, level, scope)
        if not isfinite(value):
            raise ValueError("a point cannot be NaN or infinite")
        if expected is None or not isfinite(expected):
            return f"{head}{float(value)!r} {end_ms}"
        return f"{head}{float(value)!r},expected={float(expected)!r} {end_ms}"

    def _head(self, kpi: str, window: str, level: str, scope: Pairs) -> str:
        if len(self._heads) >= self._limit:
            self._heads.clear()
        head = f"{_series('kpi', (('kpi', kpi), ('level', level), ('window', window)), scope)} value="
        self._heads[kpi, window, level, scope] = head
        return head


def transition_lines(transitions: Sequence[Transition], rank: Rank) -> list[str]:
    """One line per rung passed: fields `rank` (0 none, then up the ladder) and `tier`.

    Time is the pane's end plus `seq` milliseconds, so that rungs passed at the same pane end stay apart and
    a transition written again is the same point.
    """
    lines = []
    for item in transitions:
        pairs = tuple(item.scope.items())
        series = _series("tier", (("level", level_of(item.scope)), ("rule", item.rule)), pairs)
        lines.append(f'{series} rank={float(rank(item.tier))!r},tier="{item.tier}" {item.end_ms + item.seq}')
    return lines


def closed_period(line: str, closing: Callable[[int], Collection[str]]) -> ClosedPeriod | None:
    """Whose figure at a period's end a line is; None for any other point. `closing`: see `Succession`.

    Values that had to be cleaned stay as they were cleaned.

    >>> line = r"kpi,kpi=orders,level=region,region=Far\\ East,window=day value=2.0 86400000"
    >>> closed_period(line, lambda end_ms: ["day"] if end_ms == 86400000 else [])
    ClosedPeriod(kpi='orders', window='day', end_ms=86400000, scope={'region': 'Far East'})
    """
    if not line.endswith(_QUARTERS):
        return None  # nearly all: no period ends there
    end_ms = int(line[line.rfind(" ") + 1 :])
    windows = closing(end_ms)
    if not windows or not line.startswith("kpi,"):
        return None
    tags = dict(part.split("=", 1) for part in _COMMA.split(_BLANK.split(line, maxsplit=1)[0])[1:])
    if tags["window"] not in windows:
        return None
    scope = {
        label.removesuffix("_") if label.removesuffix("_") in RESERVED else label: _ESCAPED.sub(r"\1", value)
        for label, value in tags.items()
        if label not in RESERVED
    }
    return ClosedPeriod(kpi=tags["kpi"], window=tags["window"], end_ms=end_ms, scope=scope)


def _series(measurement: str, fixed: Pairs, scope: Pairs) -> str:
    tags = sorted([*fixed, *((label_name(name), value) for name, value in scope)])
    return ",".join([measurement, *(f"{name}={tag_value(value)}" for name, value in tags)])


def tag_value(value: str) -> str:
    r"""A value as it stands in a line: cleaned, then comma, equals sign and space escaped.

    A backslash stays, unless the parsers would read it as an escape (before one of those three, or last):
    there it becomes a slash, with a mark of the original behind the value.

    >>> tag_value("a, b=c"), tag_value("C:\\temp")
    ('a\\,\\ b\\=c', 'C:\\temp')
    >>> tag_value("trap\\")
    'trap/~79fb2f'
    """
    text = label_value(value)
    if "\\" in text:
        follows = f"{text[1:]} "
        if any(char == "\\" and after in _SPECIAL for char, after in zip(text, follows, strict=True)):
            mark = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:6]
            text = f"{text.replace(chr(92), '/')}~{mark}"
    return text.translate(_ESCAPES)
