"""Everything that is held against the logs after a trial, as a list of differences in words.

The order is that of the flow: pages and ledgers, dead letters, transitions, incidents, notices, points.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from typing import Any, NamedTuple, Self

from schemas.records import Receipt, Transition
from tests.faults import notices, people
from tests.faults.installation import Installation
from tests.faults.load import Load
from tests.faults.oracle import letters, pages, points, tiers
from tests.faults.oracle.company import Company
from tests.faults.oracle.counted import Counted
from tests.faults.oracle.log import Record, read
from tests.faults.oracle.shape import read_shape
from tests.faults.poison import EXPECT
from tests.faults.reference import Told, cells_reference, sources_of, sources_reference, told_early

Place = tuple[str, int]
#: differences of one kind that are said at most
_SAID = 10


class Logs(NamedTuple):
    """What lies in the topics."""

    sources: Mapping[Place, Sequence[Record]]
    cells: Sequence[Record]
    inbox: Sequence[Record]
    letters: Sequence[Record]


def logs_of(installation: Installation) -> Logs:
    """Everything that lies in the topics now."""
    boot, prefix = installation.bootstrap, installation.prefix
    sources = sources_of(boot, installation.logs.inputs)
    dead = [
        letter
        for topic in installation.logs.inputs
        for found in read(boot, f"{topic}.dlq").values()
        for letter in found
    ]
    return Logs(sources, read(boot, f"{prefix}.cells.v1")[0], read(boot, f"{prefix}.inbox.v1")[0], dead)


class Seen(NamedTuple):
    """What was done and noticed from outside: the load, what people said, when senders were harmed."""

    installation: Installation
    load: Load
    said: Mapping[str, set[str]]
    harmed_s: list[float]


def differences(seen: Seen, shown: Mapping[str, Any]) -> list[str]:
    """Where anything that was written, shown or told is not what the logs say; empty where all is exact."""
    installation = seen.installation
    before = installation.sinks.arrivals()
    judges = "evaluate" in installation.shape.stages
    with References(installation) if judges else nullcontext() as references:
        logs, company = logs_of(installation), Company.of(installation.catalogue)
        found, events = counted(logs, company)
        if references is not None:
            transitions, unlike = _first_said(logs.inbox)
            found += _few("transition written twice, not alike", iter(unlike))
            found += _exported(seen, shown, events, transitions, list(company.tiers))
            found += _decided(installation, seen.load, references, transitions)
    if "respond" in installation.shape.stages:
        page = shown["incidents"]
        told = Told(logs.inbox, page["version"])
        found += _few("incidents", _incidents(page, told.page))
        found += _few("people", people.differences(seen.said, page))
        found += _few("deadlines", people.deadlines(page, company.tiers))
        arrivals = before, installation.sinks.arrivals()
        final = installation.final
        found += _few(
            "notices", notices.differences(told, _receipts(logs.inbox), arrivals, seen.harmed_s, final)
        )
    return found + _few("sinks", iter(installation.sinks.refused))


def counted(logs: Logs, company: Company) -> tuple[list[str], list[Counted]]:
    """Pages, ledgers and dead letters against a recount of the source topics; the events that count."""
    said = pages.written(logs.cells)
    found, events = list[str](), list[Counted]()
    for place, records in logs.sources.items():
        checked = pages.check(place, records, said[place], company)
        found += checked.differences
        events += [
            Counted(one.pane.grain, one.pane.start_ms, one.enters_ms, one.leaf, one.event, one.delay_ms)
            for one in checked.counted
        ]
    return found + _few("dead letters", letters.differences(logs.sources, logs.letters, EXPECT)), events


class References:
    """The folds without faults, each in a process of its own while the recount goes on: they take long."""

    def __init__(self, installation: Installation) -> None:
        self._pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        boot, prefix, inputs = installation.bootstrap, installation.prefix, installation.logs.inputs
        self.cells = self._pool.submit(cells_reference, boot, f"{prefix}.cells.v1")
        self.sources = self._pool.submit(sources_reference, boot, inputs, installation.catalogue)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _decided(
    installation: Installation, load: Load, references: References, transitions: Mapping[str, Transition]
) -> list[str]:
    """Transitions as they follow from the cells topic, and from the source topics counted in one go."""
    until_ms = load.last_end_ms
    found = _judged(transitions, references.cells.result(), until_ms, "the cells topic")
    if load.is_steady:
        clean = references.sources.result()
        if load.is_live:  # what is told before its pane closes depends on the order among partitions
            early = told_early(installation.catalogue)
            clean = {name: one for name, one in clean.items() if one.rule not in early}
            transitions = {name: one for name, one in transitions.items() if one.rule not in early}
        found += _judged(transitions, clean, until_ms, "the source topics")
    return found


def _exported(
    seen: Seen,
    shown: Mapping[str, Any],
    events: Sequence[Counted],
    transitions: Mapping[str, Transition],
    ladder: Sequence[str],
) -> list[str]:
    """What InfluxDB has: every change of tier, and every window at every pane end."""
    written = points.read_points(shown["points"])
    found = _few("tiers", tiers.differences(written, transitions.values(), ladder, seen.load.last_end_ms))
    if seen.load.is_steady:
        shape = read_shape(seen.installation.catalogue)
        found += _few("figures", map(str, points.compare(written, events, shown["frontier_ms"], shape)))
    return found


def _first_said(inbox: Sequence[Record]) -> tuple[dict[str, Transition], list[str]]:
    """The transitions of the inbox by id; and in words those that were written again, not alike."""
    found, places, unlike = dict[str, Transition](), dict[str, int](), list[str]()
    for record in inbox:
        body = json.loads(record.value or b"")
        if body["type"] == "transition":
            one = Transition.model_validate(body)
            place = places.setdefault(one.id, record.offset)
            if found.setdefault(one.id, one) != one:
                unlike.append(f"at {place} {found[one.id]!r}, at {record.offset} {one!r}")
    return found, unlike


def _judged(
    found: Mapping[str, Transition], wanted: Mapping[str, Transition], until_ms: int, what: str
) -> list[str]:
    """The same ids, with the same values."""
    here = {name: one for name, one in found.items() if one.end_ms <= until_ms}
    there = {name: one for name, one in wanted.items() if one.end_ms <= until_ms}
    differ = (
        f"{here[name]!r} instead of {there[name]!r}"
        for name in sorted(set(here) & set(there))
        if here[name] != there[name]
    )
    return [
        *_few(f"{what}: transition is missing", iter(sorted(set(there) - set(here)))),
        *_few(f"{what}: transition should not be", iter(sorted(set(here) - set(there)))),
        *_few(f"{what}: transition differs", differ),
    ]


def _receipts(inbox: Sequence[Record]) -> dict[str, Receipt]:
    bodies = (json.loads(record.value or b"") for record in inbox)
    return {body["notice"]: Receipt.model_validate(body) for body in bodies if body["type"] == "receipt"}


def _incidents(shown: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """The page as the harmed process shows it, and as the inbox says it must be."""
    here = {one["id"]: one for one in shown["incidents"]}
    there = {one["id"]: one for one in json.loads(json.dumps(wanted["incidents"]))}
    yield from (f"{name} is not shown" for name in sorted(set(there) - set(here)))
    yield from (f"{name} should not be" for name in sorted(set(here) - set(there)))
    for name in sorted(set(here) & set(there)):
        if here[name] != there[name]:
            wrong = {
                key: (here[name][key], there[name].get(key))
                for key in here[name]
                if here[name][key] != there[name].get(key)
            }
            yield f"{name} (shown, should be): {wrong}"
    if shown["counts"] != wanted["counts"]:
        yield f"counts {shown['counts']} should be {wanted['counts']}"


def _few(what: str, found: Iterator[str]) -> list[str]:
    said = list(found)
    more = [f"{what}: and {len(said) - _SAID} more"] if len(said) > _SAID else []
    return [f"{what}: {one}" for one in said[:_SAID]] + more
