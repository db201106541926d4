"""The same logs, folded without any fault: what the harmed installation must have decided too.

Here the product's own folds run, in one process that nobody kills. What they count is proved by the recount
in `oracle`; that faults change nothing of what they decide is proved by comparing with these.
"""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from schemas.catalogue import Catalogue
from schemas.records import CatalogueRecord, LayoutRecord, Notice, Roster, Transition
from streams.catalogue import load_catalogue
from streams.cells.layout import layout_of
from streams.engine.evaluate import Evaluation
from streams.engine.measure import Limits, SourceFold
from streams.engine.respond import Response
from tests.faults.oracle.log import Record, read
from tests.faults.poison import TOO_LARGE

Place = tuple[str, int]
#: records folded before the reference writes pages and ledgers
_CHUNK = 500


def cells_reference(bootstrap: str, topic: str) -> dict[str, Transition]:
    """`from_cells` of what the topic holds, for a process of its own."""
    return from_cells(read(bootstrap, topic)[0])


def sources_reference(bootstrap: str, topics: Sequence[str], folder: Path) -> dict[str, Transition]:
    """`from_sources` of what the topics hold, for a process of its own."""
    return from_sources(sources_of(bootstrap, topics), folder)


def sources_of(bootstrap: str, topics: Sequence[str]) -> dict[Place, Sequence[Record]]:
    """Every record of these topics, by partition."""
    return {
        (topic, partition): records
        for topic in topics
        for partition, records in read(bootstrap, topic).items()
    }


def from_cells(cells: Sequence[Record]) -> dict[str, Transition]:
    """The transitions by id that follow from the cells topic as it was written."""
    fold, found = Evaluation("reference"), dict[str, Transition]()
    for record in cells:
        assert record.value is not None
        fold.fold(record.offset, record.timestamp, record.value)
        found |= {one.id: one for outcome in fold.advance() for one in outcome.transitions}
    return found


def from_sources(sources: Mapping[Place, Sequence[Record]], folder: Path) -> dict[str, Transition]:
    """The transitions by id that follow from the source topics when one process counts them in one go."""
    catalogue = load_catalogue(folder)
    cells = _Cells(catalogue)
    limits = Limits(value_bytes=TOO_LARGE - 1)
    folds = {place: SourceFold(*place, catalogue, "reference", limits=limits) for place in sorted(sources)}
    cells.put(CatalogueRecord(catalogue=catalogue).model_dump_json(by_alias=True).encode())
    layout, partitions = layout_of(catalogue), defaultdict[str, int](int)
    for topic, _ in folds:
        partitions[topic] += 1
    about: list[Roster | LayoutRecord] = [Roster(partitions=dict(partitions))]
    about.append(LayoutRecord(id=layout.id, measures=list(layout.keys), dimensions=list(layout.dimensions)))
    for one in about:
        cells.put(one.model_dump_json().encode())
    in_time = heapq.merge(*sources.values(), key=lambda record: record.timestamp)
    while chunk := list(islice(in_time, _CHUNK)):
        _count(folds, chunk, cells)
    return cells.transitions


def told_early(folder: Path) -> set[str]:
    """The rules that are judged as the events come."""
    return {name for name, rule in load_catalogue(folder).rules.items() if rule.on == "update"}


def _count(folds: Mapping[Place, SourceFold], chunk: Sequence[Record], cells: "_Cells") -> None:
    for place, fold in folds.items():
        fold.fold([record for record in chunk if (record.topic, record.partition) == place])
        flush = fold.flush()
        if flush is not None:
            for page in flush.pages:
                cells.put(page)
            cells.put(flush.ledger.model_dump_json().encode())
            fold.confirmed(flush)


class _Cells:
    """A cells topic of its own, evaluated as it grows; long after, so that nothing is told early."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.transitions: dict[str, Transition] = {}
        self._fold = Evaluation("reference")
        self._offset = 0
        self._late_ms = 4_000_000_000_000
        self._catalogue = catalogue

    def put(self, value: bytes) -> None:
        self._fold.fold(self._offset, self._late_ms, value)
        self._offset += 1
        for outcome in self._fold.advance():
            self.transitions |= {one.id: one for one in outcome.transitions}


class Told:
    """The inbox folded without a fault: incidents as of a version, and every notice that was made by its end.

    `page` is what /incidents shows at the version, `waiting` the notices that had no receipt then.
    """

    def __init__(self, inbox: Sequence[Record], version: int) -> None:
        self.notices: dict[str, Notice] = {}
        self.page: dict[str, Any] = {}
        self.waiting: set[str] = set()
        fold = Response("reference")
        for record in inbox:
            fold.fold(record.offset, record.timestamp, record.value)
            fold.commit()
            fold.confirmed()
            self.notices |= {one.id: one for one in fold.take()}
            if record.offset == version:
                self.page = fold.incidents_json()
                self.waiting = {one.id for one in fold.pending()}
