"""Pages that are packed: they say the same, take little room, and are taken out when they are touched."""

import pytest

from streams.cells.layout import Cell, Leaf
from streams.cells.page import Page
from streams.engine.measure import Limits, SourceFold
from streams.engine.measure_packed import Leaves, PackedCells
from tests.measure_builders import START_MS, TOPIC, Record, catalogue, encoded, order

MINUTE = 60_000
EMPTY: Cell = [0, None, 0]


def of(cells: dict[Leaf, Cell], leaves: Leaves | None = None) -> PackedCells | None:
    return PackedCells.of(cells, EMPTY, leaves or Leaves())


@pytest.mark.parametrize(
    "cells",
    [
        {("a",): [1, None, -5], ("b",): [2**63 - 1, 0, 0]},
        {("a",): [0, None, 0]},
        {("a",): [0, -(2**62), 0], ("b",): [0, 3, 0]},
    ],
    ids=["some", "nothing counted", "extremes"],
)
def test_packed_cells_are_what_they_were(cells: dict[Leaf, Cell]) -> None:
    packed = of(cells)
    assert packed is not None
    assert packed.cells() == cells


def test_only_columns_that_hold_something_take_room() -> None:
    packed = of({(str(at),): [0, None, at] for at in range(100)})
    assert packed is not None
    assert packed.nbytes == 100 * 8


def test_what_has_more_than_64_bits_is_not_packed() -> None:
    assert of({("a",): [2**63, None, 0]}) is None


def test_leaves_and_numbers_are_shared() -> None:
    leaves = Leaves()
    first, second = (of({(f"region {at - at}",): [1, None, 0]}, leaves) for at in range(2))
    assert first is not None
    assert second is not None
    assert first.leaves[0] is second.leaves[0]
    assert leaves.numbers(2, 3) == [2, 3, 4]


def test_leaves_are_forgotten_when_they_are_too_many() -> None:
    leaves = Leaves(most=1)
    (first,), (second, _), (third,) = (leaves.same(one) for one in ([("a",)], [("a",), ("b",)], [("a",)]))
    assert first is second
    assert third == first
    assert len(leaves.same([("c",), ("d",)])) == 2


def fold_of(loose: int) -> SourceFold:
    book = catalogue(disorder="2h", limit=1000)
    return SourceFold(TOPIC, 0, book, "me", limits=Limits(page_cells=2, loose_pages=loose))


def feed(fold: SourceFold, offset: int, minute: int, region: str) -> dict[tuple[int, int], Page]:
    """One order; the pages that are written then, by minute and number."""
    event = order(f"o-{offset}", START_MS + minute * MINUTE, dimensions={"region": region})
    fold.fold([Record(offset, START_MS + 60 * MINUTE, encoded(event))])
    fold.flush()
    return {
        ((page.key.start_ms - START_MS) // MINUTE, page.key.number): page.snapshot(-1)
        for page in fold._panes.pages()
    }


def test_quiet_pages_are_packed_and_say_the_same_whatever_is_touched_again() -> None:
    packing, plain = fold_of(loose=0), fold_of(loose=1000)
    moves = [
        (0, "a"),
        (0, "b"),
        (0, "c"),
        (1, "a"),
        (2, "a"),
        (0, "b"),
        (0, "d"),
        (1, "b"),
        (3, "a"),
        (4, "a"),
    ]
    packed = 0
    for offset, (minute, region) in enumerate(moves):
        assert feed(packing, offset, minute, region) == feed(plain, offset, minute, region)
        packed = max(packed, sum(page.packed is not None for page in packing._panes.pages()))
    assert packed >= 3
    assert not any(page.packed for page in plain._panes.pages())


def test_page_with_too_large_a_number_stays_as_it_is() -> None:
    fold = fold_of(loose=0)
    feed(fold, 0, 0, "a")
    (page,) = fold._panes.pages()
    page.cells[("a", "unknown")][1] = 2**70
    for offset in range(1, 4):
        feed(fold, offset, offset, "a")
    assert page.packed is None
    assert page.cells[("a", "unknown")][1] == 2**70
