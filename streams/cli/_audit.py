"""An audit from beginning to end, and how its result is told.

Pages are read before logs, and each is compared as of its own stamp: what workers write meanwhile makes no
difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from schemas.catalogue import Catalogue
from streams.cells.layout import layout_of
from streams.cli._recount import Chosen, Installation, PageFile
from streams.decisions.wording import clean, moment
from streams.engine.recount.audit import SourceAudit, Subject
from streams.engine.recount.findings import Difference, Findings
from streams.engine.recount.source import Limits
from streams.engine.recount.written import Source, WrittenSource

_GRAINS = {"m": "minute", "h": "hour", "d": "day"}


@dataclass(slots=True)
class Audit:
    """The findings, the source partitions that nothing has counted, and records still to be counted."""

    catalogue: Catalogue
    findings: Findings = field(default_factory=Findings)
    uncounted: list[Source] = field(default_factory=list)
    waiting: int = 0


def carry_out(installation: Installation, chosen: Chosen, catalogue: Catalogue, limits: Limits) -> Audit:
    """Audit the chosen source partitions, one after the other."""
    audit, sources = Audit(catalogue), installation.sources(chosen)
    with PageFile() as shelf:
        written, whole = installation.written(shelf)
        for source in sources:
            values = installation.changelog(source, written)
            begin, end = installation.begin(source)
            of_it = written.sources.pop(source, WrittenSource())
            audit.waiting += max(0, end - 1 - max(of_it.stamp, begin - 1))
            if of_it.stamp < 0:
                audit.uncounted.append(source)
                continue
            subject = Subject(source, of_it, begin, whole, values)
            one = SourceAudit(subject, catalogue, shelf, audit.findings, limits=limits)
            for records in installation.log(source, of_it.stamp):
                one.take(records)
            one.finish()
    return audit


def as_record(audit: Audit) -> dict[str, Any]:
    """The result for programs: numbers as they are stored, `scale` of them to one natural unit."""
    found, scales = audit.findings, _scales(audit.catalogue)
    return {
        "equal": found.are_equal,
        "compared": {
            "source_partitions": found.sources,
            "records": found.records,
            "pages": found.pages,
            "cells": found.cells,
            "ledgers": found.ledgers,
        },
        "not_compared": {reason.name.lower(): count for reason, count in (+found.uncompared).items()},
        "not_counted_yet": {
            "source_partitions": [f"{topic}/{partition}" for topic, partition in audit.uncounted],
            "records": audit.waiting,
        },
        "differences": [_record(one, scales, audit.catalogue) for one in found.differences],
        "more_differences": found.more,
    }


def _record(one: Difference, scales: dict[str, int], catalogue: Catalogue) -> dict[str, Any]:
    topic, partition = one.source
    record: dict[str, Any] = {"topic": topic, "partition": partition, "page": None}
    if one.page is not None:
        key = one.page
        record["page"] = {
            "grain": key.grain,
            "start_ms": key.start_ms,
            "known_ms": key.known_ms,
            "number": key.number,
        }
    leaf = dict(zip(catalogue.dimension_names, one.leaf, strict=False))
    numbers = {"written": one.written, "recounted": one.recounted, "scale": scales.get(one.what, 1)}
    return record | {"leaf": leaf, "what": one.what, **numbers}


def as_lines(audit: Audit, show: int) -> Iterator[str]:
    """The result for people."""
    found = audit.findings
    yield (
        f"compared: {found.sources} source partitions, {found.records:,} records, {found.pages:,} pages "
        f"({found.cells:,} cells), {found.ledgers:,} ledgers"
    )
    for reason, count in (+found.uncompared).most_common():
        yield f"not compared: {count:,} pages: {reason.value}"
    if audit.waiting:
        yield f"not counted yet: {audit.waiting:,} records"
    scales = _scales(audit.catalogue)
    for one in found.differences[:show]:
        yield f"differs: {_line(one, scales, audit.catalogue)}"
    rest = len(found.differences[show:]) + found.more
    if rest:
        yield f"… and {rest:,} more differences; --json has them"
    if not found.are_equal:
        yield "DIFFERENT: what was written is not what the log says"
    elif found.pages or found.ledgers:
        yield "equal: every number that was compared is what the log says"
    else:
        yield "nothing could be compared"


def _line(one: Difference, scales: dict[str, int], catalogue: Catalogue) -> str:
    topic, partition = one.source
    where = f"{topic}/{partition} ledger"
    if one.page is not None:
        zone, key = catalogue.installation.time_zone, one.page
        where = f"{topic}/{partition} {_GRAINS.get(key.grain, key.grain)} {moment(key.start_ms, zone, 'en')}"
        if key.known_ms != key.start_ms:
            where += f", known {moment(key.known_ms, zone, 'en')}"
        where += f", page {key.number}"
    leaf = f" {', '.join(clean(value, 60) for value in one.leaf)}" if one.leaf else ""
    scale = scales.get(one.what, 1)
    written, recounted = _number(one.written, scale), _number(one.recounted, scale)
    return f"{where}{leaf}: {one.what}: written {written}, recounted {recounted}"


def _number(value: int | None, scale: int) -> str:
    return "nothing" if value is None else f"{Decimal(value) / scale:,}"


def _scales(catalogue: Catalogue) -> dict[str, int]:
    layout = layout_of(catalogue)
    return dict(zip(layout.keys, layout.scales, strict=True))
