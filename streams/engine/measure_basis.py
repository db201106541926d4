"""On what a source partition counts: the catalogue and the limits that decide how each event is counted.

The basis stands in the changelog before anything that was counted on it. A process may die after it has
written pages and before the ledger that answers for them; what it had counted there was decided on its own
basis. Whoever takes over on another one therefore first counts up to there on the former (`Stored.basis`).

Not covered: a process that wakes after its time and writes pages on its own basis beside a successor that
counts on another one; and a dead letter of a flush that wrote nothing else may be counted on the new basis.
"""

from typing import NamedTuple, Self

import orjson

from schemas.catalogue import Catalogue
from schemas.errors import StateError
from streams.cells.page import ROOM
from streams.engine.measure_panes import LOOSE
from streams.engine.measure_read import VALUE_BYTES

#: row names begin with it; the rest is the basis's id
BASIS = b"basis"


class Limits(NamedTuple):
    """Of a partition: ids remembered (0: no dedupe), bytes of a value, cells in a page, pages not packed."""

    dedupe_entries: int = 1_000_000
    value_bytes: int = VALUE_BYTES
    page_cells: int = ROOM
    loose_pages: int = LOOSE


class Basis(NamedTuple):
    """What decides how events are counted: the catalogue without what only judges and tells.

    `id` is equal where every event is counted alike.
    """

    catalogue: Catalogue
    limits: Limits
    id: str

    @classmethod
    def of(cls, catalogue: Catalogue, limits: Limits) -> Self:
        """The basis of a catalogue; how many pages are packed changes nothing."""
        counting = Catalogue(
            installation=catalogue.installation,
            dimensions=catalogue.dimensions,
            kpis=catalogue.kpis,
            tiers=[],
            rules={},
        )
        deciding = (limits.dedupe_entries, limits.value_bytes, limits.page_cells)
        return cls(counting, limits, "-".join(map(str, (counting.version, *deciding))))

    def encode(self, stamp: int, turn: int) -> bytes:
        """The row's value. `stamp`: up to where had been counted when it came into force; `turn`: the
        number of this change, which tells apart those at the same stamp.
        """
        catalogue = self.catalogue.model_dump_json(by_alias=True)
        row = {"stamp": stamp, "turn": turn, "limits": self.limits._asdict(), "catalogue": catalogue}
        return orjson.dumps(row)


class StoredBasis(NamedTuple):
    """A basis as its row has it, not yet read: only who counts on another one need read it."""

    stamp: int
    turn: int
    id: str
    limits: dict[str, int]
    catalogue: str

    @classmethod
    def of(cls, basis_id: str, value: bytes) -> Self:
        """The row of this id."""
        row = orjson.loads(value)
        return cls(row["stamp"], row["turn"], basis_id, row["limits"], row["catalogue"])

    def read(self) -> Basis:
        """StateError when it was written by a version with other catalogues."""
        try:
            catalogue = Catalogue.model_validate_json(self.catalogue)
            return Basis(catalogue, Limits(**self.limits), self.id)
        except (ValueError, TypeError) as error:
            raise StateError(
                f"events that no ledger answers for were counted by a catalogue that cannot be read: {error}",
                remedy="let the version of planwatch that counted them run once more, or `planwatch rebuild`",
            ) from error
