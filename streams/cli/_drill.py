"""Which figure a person asks about, what is read to answer, and how the records behind it are told."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.base import Scope, scope_text
from schemas.catalogue import Catalogue
from schemas.errors import InputError
from schemas.events import KINDS, kinds_of
from schemas.kpi import Kpi
from schemas.period import CALENDAR, ROLLING_MS
from streams.cli._recount import Chosen, Installation
from streams.decisions.wording import clean, quantity
from streams.engine.recount.drill import Asked, Drill, Found, Sum, natural_fields
from streams.engine.recount.source import Limits, Outcome, Recount
from streams.engine.recount.written import Source, Written
from streams.windows.panes import ceil_minute
from streams.windows.spans import Spec, spec_of

_LEFT_OUT = (Outcome.DUPLICATE, Outcome.EXPIRED, Outcome.REFUSED)


class NoShelf:
    """A shelf for those who want no pages."""

    def put(self, name: Hashable, value: bytes) -> None:
        """Nothing is kept."""

    def get(self, name: Hashable) -> bytes:
        """There is nothing."""
        raise KeyError(name)


@dataclass(slots=True)
class Answer:
    """The drill after everything was read, what of the logs is no event of any figure, and what may be
    wrong."""

    catalogue: Catalogue
    asked: Asked
    drill: Drill
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def kpi_of(catalogue: Catalogue, name: str) -> Kpi | None:
    """The KPI of this id; None for no name, InputError when there is none."""
    if name and name not in catalogue.kpis:
        raise InputError(f"no KPI {name!r}", remedy=f"one of {', '.join(sorted(catalogue.kpis))}")
    return catalogue.kpis[name] if name else None


def window_of(name: str) -> Spec:
    """The window of this name; InputError when there is none."""
    known = (*ROLLING_MS, *CALENDAR)
    if name not in known:
        raise InputError(f"--window {name!r} is no window", remedy=f"one of {', '.join(known)}")
    return spec_of(name)


def scope_from(texts: Sequence[str], catalogue: Catalogue, kpi: Kpi | None) -> Scope:
    """The scope that `name=value` options name; InputError when they name none that there is."""
    scope: Scope = {}
    allowed = catalogue.dimension_names if kpi is None or kpi.dimensions == "all" else tuple(kpi.dimensions)
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or name not in allowed or name in scope:
            remedy = f"write name=value, each name once; names: {', '.join(allowed)}"
            raise InputError(f"--scope {text!r} is no part of a scope", remedy=remedy)
        scope[name] = value
    return scope


def moment_from(text: str, time_zone: str) -> int:
    """A point in time as people write it: RFC 3339, or local in the business time zone.

    >>> moment_from("2026-11-22 10:00", "Asia/Shanghai") == moment_from("2026-11-22T02:00:00Z", "UTC")
    True
    """
    try:
        read = datetime.fromisoformat(text)
        aware = read if read.tzinfo else read.replace(tzinfo=ZoneInfo(time_zone))
        return int(aware.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        remedy = f"write 2026-11-22T10:00:00+08:00, or 2026-11-22 10:00 (in {time_zone})"
        raise InputError(f"--end {text!r} is no point in time", remedy=remedy) from error


def end_of(text: str, written: Written, time_zone: str) -> int:
    """The pane end that is asked for: the one named, or how far time has come."""
    if text:
        return ceil_minute(moment_from(text, time_zone))
    marks = [one.newest.watermark_ms for one in written.sources.values() if one.newest]
    known = [mark for mark in marks if mark is not None]
    if written.reached_ms is None and not known:
        raise InputError("nothing has been counted yet", remedy="start `planwatch worker`, or give --end")
    return written.reached_ms or max(known) // 60_000 * 60_000


def read_records(
    installation: Installation, answer: Answer, written: Written, limits: Limits
) -> Iterator[Source]:
    """Recount the logs that may hold records of the figure; gives each source partition once it is read."""
    kinds = answer.drill.kinds
    for source in installation.sources(Chosen()):
        if not kinds & {kind.kind for kind in kinds_of(source[0])}:
            continue
        recount = Recount(source[0], answer.catalogue, limits)
        first_ms = None
        for records in installation.log(source):
            for record, event in recount.read(records):
                first_ms = record.timestamp if first_ms is None else first_ms
                answer.drill.take(source, record, event, recount.step(record, event))
        answer.left_out.update({outcome.value: recount.seen[outcome] for outcome in _LEFT_OUT})
        answer.notes += _notes(source, installation, answer, written, first_ms)
        yield source


def _notes(
    source: Source, installation: Installation, answer: Answer, written: Written, first_ms: int | None
) -> Iterator[str]:
    """What may make this list other than the figure."""
    begin, _ = installation.begin(source)
    where, horizon_ms = f"{source[0]}/{source[1]}", answer.catalogue.installation.dedupe_horizon.ms
    if begin and (first_ms is None or answer.drill.interval.start < first_ms + horizon_ms):
        yield (
            f"{where}: records before offset {begin} are deleted; the figure may count some of them, and "
            "repetitions of them may stand here"
        )
    of_it = written.sources.get(source)
    if of_it is not None and of_it.floor >= begin:
        yield f"{where}: up to offset {of_it.floor} another catalogue may have counted otherwise"


def as_lines(answer: Answer) -> Iterator[str]:
    """What the records come to, for people."""
    catalogue, drill, kpi = answer.catalogue, answer.drill, answer.asked.kpi
    zone = catalogue.installation.time_zone
    start, end = (local(ms, zone)[:16] for ms in drill.interval)
    where = clean(scope_text(answer.asked.scope)) or "the whole company"
    yield f"{drill.count:,} records, {start} to {end} ({zone}), {where}"
    for one in drill.sums():
        name = one.name if kpi is None else f"{one.name} ({one.measure.key})"
        yield f"  {name}: {worded(one, catalogue)}"
    if kpi is not None:
        value = drill.value()
        installation = catalogue.installation
        shown = "no value" if value is None else _exact(value, kpi.unit, installation.minor_digits)
        yield f"{kpi.id} ({kpi.title.en}), {answer.asked.window.name}: {shown}"


def _exact(value: float, unit: str, minor_digits: int) -> str:
    """A KPI's value with the digits that one compares by."""
    is_money = len(unit) == 3 and unit.isupper()
    return quantity(value, unit, "en", minor_digits if is_money else 4 if unit == "ratio" else None)


def worded(one: Sum, catalogue: Catalogue) -> str:
    """A sum as people write it: money with its currency, everything else as a plain number."""
    if one.stored is None:
        return "nothing"
    installation, name = catalogue.installation, one.measure.field
    field_of_it = KINDS[one.measure.events[0]].fields.get(name) if name else None
    if field_of_it is not None and field_of_it.money:
        return quantity(one.natural, installation.currency, "en", installation.minor_digits)
    return f"{one.natural:,.{len(str(one.scale)) - 1}f}"


def as_rows(answer: Answer) -> Iterator[tuple[str, ...]]:
    """The records that are shown, for people: when, kind, where it counts, what it says, where it lies."""
    installation = answer.catalogue.installation
    for one in answer.drill.newest():
        fields = natural_fields(one.event, installation.minor_digits)
        kind = KINDS[one.event["kind"]]
        parts = []
        for name, value in fields.items():
            described = kind.fields.get(name)
            if name == "currency" or name == "text":
                continue
            if described is not None and described.money:
                value = quantity(float(value), installation.currency, "en", installation.minor_digits)
            parts.append(f"{name} {clean(str(value), 40)}")
        late = " (late)" if one.is_late else ""
        yield (
            local(one.occurred_ms, installation.time_zone)[:19] + late,
            one.event["kind"],
            ", ".join(clean(value, 40) for value in one.leaf),
            ", ".join(parts),
            clean(one.event["event_id"], 60),
            f"{one.source[0]}/{one.source[1]}/{one.offset}",
        )


def as_records(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """The records that are shown, for programs; the last says what all of them come to."""
    catalogue, drill, asked = answer.catalogue, answer.drill, answer.asked
    zone = catalogue.installation.time_zone
    for one in drill.newest():
        yield _record(one, catalogue, zone)
    yield {
        "kpi": asked.kpi.id if asked.kpi else None,
        "window": asked.window.name,
        "start_ms": drill.interval.start,
        "end_ms": drill.interval.end,
        "scope": asked.scope,
        "records": drill.count,
        "shown": len(drill.newest()),
        "sums": {one.name: None if one.stored is None else one.natural for one in drill.sums()},
        "value": drill.value(),
        "left_out": dict(answer.left_out),
        "notes": answer.notes,
    }


def _record(one: Found, catalogue: Catalogue, zone: str) -> dict[str, Any]:
    topic, partition = one.source
    return {
        "occurred_at": local(one.occurred_ms, zone),
        "kind": one.event["kind"],
        "event_id": one.event["event_id"],
        "dimensions": dict(zip(catalogue.dimension_names, one.leaf, strict=True)),
        "fields": natural_fields(one.event, catalogue.installation.minor_digits),
        "late": one.is_late,
        "topic": topic,
        "partition": partition,
        "offset": one.offset,
    }


def local(ms: int, zone: str) -> str:
    """A point in time in the business time zone, with its offset.

    >>> local(1_795_312_800_512, "Asia/Shanghai")
    '2026-11-22 10:00:00.512+08:00'
    """
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).isoformat(" ", "milliseconds")
