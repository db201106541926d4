"""Whether every page and every ledger that was ever written says what the source log says up to its stamp.

Also those that a stopped process wrote after its time: a page is a function of the log up to its stamp, so
whoever wrote it, it is right or it is wrong.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.faults.oracle.company import Company
from tests.faults.oracle.counting import Event, Pane, Source
from tests.faults.oracle.log import Record

Place = tuple[str, int]
#: differences of one source partition that are said at most
_SAID = 10


class Version(NamedTuple):
    """A page as it was written once."""

    pane: Pane
    number: int
    leaves: dict[tuple[str, ...], list[int | None]]
    keys: Sequence[str]


class Written(NamedTuple):
    """What the cells topic says of one source partition, by stamp."""

    pages: dict[int, list[Version]]
    ledgers: dict[int, list[dict[str, Any]]]


def written(cells: Sequence[Record]) -> dict[Place, Written]:
    """Pages and ledgers of the cells topic by source partition and stamp."""
    found: dict[Place, Written] = defaultdict(lambda: Written(defaultdict(list), defaultdict(list)))
    layouts: dict[str, list[str]] = {}
    for record in cells:
        body = json.loads(record.value or b"")
        if body["type"] == "layout":
            layouts[body["id"]] = body["measures"]
        elif body["type"] == "page":
            topic, partition, layout, grain, start, known, number = body["key"]
            leaves = dict(zip(map(tuple, body["leaves"]), _cells(body), strict=True))
            version = Version(Pane(grain, start, known), number, leaves, layouts[layout])
            found[topic, partition].pages[body["stamp"]].append(version)
        elif body["type"] == "ledger":
            found[body["topic"], body["partition"]].ledgers[body["stamp"]].append(body)
    return found


def _cells(body: dict[str, Any]) -> Iterator[list[int | None]]:
    """The cells of a page, whose record leaves columns out in which all are 0, or have nothing."""
    for number in range(len(body["leaves"])):
        cell = [None if at in body["nothing"] else 0 for at in range(body["width"])]
        for place, at in enumerate(body["columns"]):
            cell[at] = body["cells"][number][place]
        yield cell


class Checked(NamedTuple):
    """The recount of a source partition, the events that count, and where the pages say otherwise."""

    source: Source
    counted: list[Event]
    differences: list[str]


def check(place: Place, records: Sequence[Record], said: Written, company: Company) -> Checked:
    """Recount a source partition and hold every page and ledger against it, each as of its stamp."""
    source, counted, differences = Source(company), [], list[str]()
    stamps = sorted({*said.pages, *said.ledgers})
    begin = 0
    for stamp in stamps:
        end = next((at for at in range(begin, len(records)) if records[at].offset > stamp), len(records))
        counted += source.take(records[begin:end])
        begin = end
        differences += _ledgers(source, said.ledgers.get(stamp, []))
        for version in said.pages.get(stamp, []):
            differences += _page(source, version)
    counted += source.take(records[begin:])
    differences += _missing(source, said)
    where = f"{place[0]}/{place[1]}"
    return Checked(source, counted, [f"{where}: {one}" for one in differences[:_SAID]])


def _ledgers(source: Source, ledgers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for ledger in ledgers:
        wrong = {
            name: (count, source.counts[name])
            for name, count in ledger["counts"].items()
            if count != source.counts[name]
        }
        if wrong:
            yield f"the ledger at {ledger['stamp']} says (written, recounted): {wrong}"
        counts = ledger["counts"]
        if counts["received"] != sum(counts[n] for n in ("counted", "duplicate", "expired", "refused")):
            yield f"the ledger at {ledger['stamp']} does not add up: {counts}"
        if ledger["watermark_ms"] != source.watermark_ms and source.watermark_ms is not None:
            yield f"the watermark at {ledger['stamp']}: {ledger['watermark_ms']}, not {source.watermark_ms}"


def _page(source: Source, version: Version) -> Iterator[str]:
    recounted = source.cells.get(version.pane, {})
    for leaf, values in version.leaves.items():
        cell = recounted.get(leaf)
        if cell is None:
            yield f"{version.pane} {leaf} at {source.stamp}: nothing belongs there"
            continue
        wrong = {
            key: (value, cell[key])
            for key, value in zip(version.keys, values, strict=True)
            if value != cell[key]
        }
        if wrong:
            yield f"{version.pane} {leaf} at {source.stamp}: (written, recounted) {wrong}"


def _missing(source: Source, said: Written) -> Iterator[str]:
    """The newest versions together hold every leaf, and the newest ledger everything."""
    newest: dict[tuple[Pane, int], Version] = {}
    for stamp in sorted(said.pages):
        newest |= {(version.pane, version.number): version for version in said.pages[stamp]}
    leaves: dict[Pane, set[tuple[str, ...]]] = defaultdict(set)
    for (pane, _), version in newest.items():
        leaves[pane] |= set(version.leaves)
        yield from (f"in the end: {one}" for one in _page(source, version))
    for pane, cells in source.cells.items():
        if gone := sorted(set(cells) - leaves[pane]):
            yield f"{pane}: {gone} are in no page"
    last = said.ledgers.get(source.stamp, [])
    if not last:
        yield f"no ledger has counted up to the end, {source.stamp}"
