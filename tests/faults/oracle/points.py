"""Whether the points that InfluxDB was sent say what the events say: an empty list of differences, or which.

A point is right when it is the oracle's value at its time, bit for bit, with the constant that its rule names
as expectation. Nothing is missing when at every pane end without a point the value is that of the last point
before: a point is due where a value changes. A series that has no value (a ratio over nothing) has no point
to say so; when it has a value again, that is due even if it is the one from before. What is due before
anything came is only what is not empty. Late content that alone fills a closed period is followed by a point
that says that the next period begins with nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from tests.faults.oracle.counted import Counted
from tests.faults.oracle.figures import History, Series, Value, histories
from tests.faults.oracle.shape import Shape
from tests.faults.oracle.windows import MINUTE_MS

Fields = Mapping[str, float | str]
#: series as it stands in line protocol, and time in milliseconds → fields of the last write
Points = dict[tuple[str, int], dict[str, float | str]]


class Difference(NamedTuple):
    """One thing that is not as it should be; `found` None: no point."""

    what: str
    series: str
    time_ms: int
    expected: Value
    found: float | str | None

    def __str__(self) -> str:
        time = datetime.fromtimestamp(self.time_ms / 1000, UTC).isoformat()
        return f"{self.what}: {self.series} at {time}: expected {self.expected}, found {self.found}"


def read_points(lines: Iterable[str]) -> Points:
    """The points that lines of line protocol leave behind: of equal series and time the last write of each
    field stands, as in InfluxDB.
    """
    points: Points = {}
    for line in lines:
        head, fields, time = _split(line)
        points.setdefault((head, int(time)), {}).update(_fields(fields))
    return points


def compare(
    points: Mapping[tuple[str, int], Fields],
    events: Iterable[Counted],
    last_end_ms: int,
    shape: Shape,
    limit: int = 50,
) -> list[Difference]:
    """At most `limit` differences between the points of `kpi` and the figures of these events; [] is equal.

    `last_end_ms` is the last pane end that was judged: no point may be later.
    """
    written: dict[str, dict[int, Fields]] = defaultdict(dict)
    for (text, time), fields in points.items():
        if text.startswith("kpi,"):
            written[text][time] = fields
    return list(islice(_differences(written, events, last_end_ms, shape), limit))


def series_text(series: Series) -> str:
    """A series as line protocol has it: tags sorted by name, values escaped.

    >>> series_text(Series("revenue", "1h", (("region", "Far East"),)))
    'kpi,kpi=revenue,level=region,region=Far\\\\ East,window=1h'
    """
    level = "+".join(name for name, _ in series.scope) or "company"
    tags = sorted([("kpi", series.kpi), ("level", level), ("window", series.window), *series.scope])
    return ",".join(["kpi", *(f"{name}={_escaped(value)}" for name, value in tags)])


def _escaped(value: str) -> str:
    if not value or "\\" in value or not value.isprintable() or len(value) > 160:
        raise ValueError(f"{value!r} would be cleaned; this oracle knows plain values only")
    return value.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def _differences(
    written: dict[str, dict[int, Fields]], events: Iterable[Counted], last_end_ms: int, shape: Shape
) -> Iterator[Difference]:
    for series, history in histories(events, last_end_ms, shape):
        text = series_text(series)
        mine = written.pop(text, {})
        for time in sorted(mine):
            if time > last_end_ms:
                yield Difference("too late", text, time, None, mine[time].get("value"))
            elif mine[time].get("value") != history.at(time):
                yield Difference("wrong", text, time, history.at(time), mine[time].get("value"))
            yield from _unexpected(text, series, time, mine[time], shape)
        yield from _missing(text, history, mine)
    for text, mine in sorted(written.items()):
        for time, fields in sorted(mine.items()):
            yield Difference("unknown", text, time, None, fields.get("value"))


def _unexpected(text: str, series: Series, time: int, fields: Fields, shape: Shape) -> Iterator[Difference]:
    """A constant expectation that is not the rule's, or one where no rule has any."""
    place = (series.kpi, series.window, tuple(name for name, _ in series.scope))
    expected = shape.constants.get(place)
    if place not in shape.moving and fields.get("expected") != expected:
        yield Difference("expectation", text, time, expected, fields.get("expected"))


def _missing(text: str, history: History, mine: Mapping[int, Fields]) -> Iterator[Difference]:
    """Values that nobody can know: they changed, and there is no point."""
    for end, value in sorted(history.closed.items()):
        if end not in mine and value not in (None, history.known_at(end)):
            yield Difference("missing", text, end, value, None)
    for end in sorted(history.begun - set(mine)):
        value = history.known_at(end)
        if value not in (None, history.at(end - MINUTE_MS)):
            yield Difference("missing", text, end, value, history.at(end - MINUTE_MS))
    times, at = sorted(mine), 0
    standing = history.empty
    for end, value in zip(history.ends, history.values, strict=True):
        while at < len(times) and times[at] < end:
            standing = history.known_at(times[at])
            at += 1
        if end not in mine:
            if value is not None and value != standing:
                yield Difference("missing", text, end, value, standing)
            standing = value


def _split(line: str) -> tuple[str, str, str]:
    """Series, fields and time: the first space that is not escaped ends the series, the last the fields."""
    at = 0
    while line[at] != " ":
        at += 2 if line[at] == "\\" else 1
    fields, _, time = line[at + 1 :].rpartition(" ")
    return line[:at], fields, time


def _fields(text: str) -> dict[str, float | str]:
    """Numbers and quoted texts; none of ours has a comma or quote within."""
    pairs = (field.partition("=") for field in text.split(","))
    return {name: value.strip('"') if value.startswith('"') else float(value) for name, _, value in pairs}
