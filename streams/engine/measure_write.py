"""What a flush writes: changed pages, new ids and values, the ledger; and what may be taken away afterwards.

Everything that is written is absolute or carries its offsets, so that a flush that was written in part, or
twice, by whomever, is read back as the ledger's stamp has it. A row may be taken away once a ledger is
confirmed that no longer needs it; its tombstones cover every owner who wrote it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.records import Ledger
from streams.cells.layout import Layout
from streams.cells.page import encode_page
from streams.engine.measure_basis import Basis
from streams.engine.measure_ids import Changes
from streams.engine.measure_panes import LivePage
from streams.engine.measure_rows import (
    LEDGER,
    Row,
    Stored,
    basis_name,
    ids_name,
    keyed,
    layout_row,
    ledger_row,
    page_name,
    segment_row,
    value_rows,
)
from streams.engine.measure_values import Value


@dataclass(frozen=True, slots=True)
class Flush:
    """What one flush writes.

    `adoption`, if any, goes to the changelog first: a basis is confirmed before anything that is counted on
    it. Then `rows` go there; then `opened`, if any, and `pages` to the cells topic; when all are confirmed,
    `ledger_row` to the changelog and `ledger` to the cells topic; when those are, `stamp` may be acknowledged
    and `SourceFold.confirmed` asked. Rows and pages may overtake each other while the catalogue stays the
    same; a page that reached the cells topic alone would count twice if the next owner had another layout.
    `retired` are names of rows that this flush makes superfluous.
    """

    adoption: list[Row]
    pages: list[bytes]
    rows: list[Row]
    ledger: Ledger
    ledger_row: Row
    stamp: int
    opened: Ledger | None
    retired: tuple[bytes, ...]


class Writer:
    """Makes the rows of one ownership and remembers who wrote what."""

    def __init__(self, owner: str, basis: Basis, layout: Layout, stored: Stored) -> None:
        self._owner = owner.encode()
        self._basis = basis.id
        self._former = [one.id for one in stored.bases if one.id != basis.id]
        self._layout = layout
        self._owners = stored.owners
        self._layout_is_stored = layout.id in stored.layouts
        self._adoption = self._adopted(basis, stored)

    def _adopted(self, basis: Basis, stored: Stored) -> list[Row]:
        known = stored.basis
        if known is not None and known.id == basis.id:
            return []
        stamp = -1 if stored.ledger is None else stored.ledger.stamp
        turn = 1 + max((one.turn for one in stored.bases), default=-1)
        return self._own([(basis_name(basis.id), basis.encode(stamp, turn))])

    def adoption(self) -> list[Row]:
        """The row of a basis that comes into force with this flush; none for those that follow."""
        adoption, self._adoption = self._adoption, []
        return adoption

    def pages(self, pages: Iterable[LivePage], stamp: int) -> tuple[list[bytes], list[Row]]:
        """The records of changed pages for the cells topic, and the same as rows."""
        rows = [] if self._layout_is_stored else [layout_row(self._layout.id, self._layout.dimensions)]
        self._layout_is_stored = True
        encoded = [(page_name(page.key), encode_page(page.snapshot(stamp))) for page in pages]
        return [value for _, value in encoded], self._own(rows + encoded)

    def index(self, ids: Changes, values: Iterable[Value]) -> list[Row]:
        """The rows of new ids and dimension values."""
        return self._own([*map(segment_row, ids.segments), *value_rows(values)])

    def ledger(self, ledger: Ledger, turn_ms: int) -> Row:
        """The ledger's row."""
        return self._own([ledger_row(ledger, turn_ms, self._basis)])[0]

    def retired(self, pages: Iterable[LivePage], ids: Changes) -> tuple[bytes, ...]:
        """The names of rows that are superfluous once this flush is confirmed."""
        return (*(page_name(page.key) for page in pages), *(ids_name(*segment) for segment in ids.obsolete))

    def tombstones(self, flush: Flush) -> list[tuple[bytes, None]]:
        """What a confirmed flush lets go: its retired rows, the ledgers of former owners, former bases."""
        former = self._owners.get(LEDGER, set()) - {self._owner}
        self._owners[LEDGER] = {self._owner}
        gone = [keyed(LEDGER, owner) for owner in sorted(former)]
        former_bases, self._former = map(basis_name, self._former), []
        for name in (*flush.retired, *former_bases):
            gone += [keyed(name, owner) for owner in sorted(self._owners.pop(name, set()))]
        return [(key, None) for key in gone]

    def _own(self, rows: list[Row]) -> list[Row]:
        for name, _ in rows:
            self._owners.setdefault(name, set()).add(self._owner)
        return [(keyed(name, self._owner), value) for name, value in rows]
