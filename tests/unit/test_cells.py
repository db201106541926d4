"""Layouts, generated folds and the stored form of pages."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import FormulaError, StateError
from schemas.events import KINDS, Event
from schemas.kpi import Measure, Range
from streams.cells.fold import compile_fold, compile_leaf, fold_source
from streams.cells.layout import Cell, layout_for, layout_of, scale_of
from streams.cells.page import Page, PageKey, decode_page, encode_page, is_page, read_page
from streams.engine.measure_packed import Leaves, PackedCells
from tests.measure_builders import catalogue


class Waited(Event):
    """A kind whose `waited` is in another unit than that of a reply."""

    waited: int


KEY = PageKey("t.sales.v1", 3, "abc", "m", 60_000, 120_000, 7)


def folded(kind: str, measure: Measure, *events: dict[str, Any]) -> int | None:
    """The one column of a layout after these events."""
    layout = layout_for([measure], ())
    fold, cell = compile_fold(layout, KINDS[kind]), list(layout.empty)
    for event in events:
        fold(event, cell, event.get("delay", 0))
    return cell[0]


def test_layout_has_every_measure_once_in_the_order_of_keys() -> None:
    again = Measure(event="order", count=True)
    layout = layout_of(catalogue(again))
    assert list(layout.keys) == sorted(set(layout.keys))
    assert layout == layout_of(catalogue())


def test_layout_id_changes_with_columns_scales_and_dimensions() -> None:
    base, more = Measure(event="order", sum="amount"), Measure(event="order", count=True)
    ids = [
        layout_for([base], ("region",)).id,
        layout_for([base, more], ("region",)).id,
        layout_for([base], ("region",), 3).id,
        layout_for([base], ("channel",)).id,
    ]
    assert len(set(ids)) == 4
    assert layout_for([more, base], ("region",)).id == ids[1]


@pytest.mark.parametrize(
    ("measure", "scale"),
    [
        (Measure(event="order", sum="amount"), 1000),
        (Measure(event=["order", "refund"], sum="amount"), 1000),
        (Measure(event="order", sum="quantity"), 1),
        (Measure(event="order", count=True), 1),
        (Measure(event="mention", sum="polarity"), 1_000_000),
        (Measure(event="reply", max="waited"), 1000),
        (Measure(event=["order", "review"], max="delay"), 1000),
    ],
    ids=lambda value: getattr(value, "key", None),
)
def test_scale_is_that_of_the_field(measure: Measure, scale: int) -> None:
    assert layout_for([measure], (), 3).scales == (scale,)


@pytest.mark.parametrize(
    "measure",
    [
        Measure(event="order", sum="weight"),
        Measure(event="order", sum="order_id"),
        Measure(event="parcel", sum="amount"),
        Measure(event=["order", "visit"], sum="amount"),
    ],
    ids=lambda measure: measure.key,
)
def test_a_measure_of_what_is_no_number_is_refused(measure: Measure) -> None:
    with pytest.raises(FormulaError, match="has no number"):
        layout_for([measure], ())


def test_a_measure_over_kinds_that_count_in_different_units_is_refused() -> None:
    kinds = KINDS | {"order": replace(KINDS["order"], model=Waited)}
    with pytest.raises(FormulaError, match="same unit"):
        scale_of(Measure(event=["order", "reply"], sum="waited"), 2, kinds)


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ({}, [1, 2, 3, 4]),
        ({"line": 1}, [1]),
        ({"line": [1, 3]}, [1, 3]),
        ({"line": Range(min=2)}, [2, 3, 4]),
        ({"line": Range(max=2)}, [1, 2]),
        ({"line": Range(min=2, max=3)}, [2, 3]),
        ({"line": Range()}, [1, 2, 3, 4]),
        ({"line": 1, "customer_id": "c"}, [1]),
        ({"customer_id": "d"}, []),
        ({"customer_id": 'it\'s "c"'}, []),
    ],
)
def test_where_keeps_what_equals_is_listed_or_lies_in_the_range(where: Any, matches: list[int]) -> None:
    measure = Measure(event="order", sum="line", where=where)
    events = [{"line": line, "customer_id": "c"} for line in (1, 2, 3, 4)]
    assert folded("order", measure, *events) == sum(matches)


def test_fields_that_are_missing_or_null_add_nothing() -> None:
    rated = {"rating": 4}
    nothing: list[dict[str, Any]] = [{"rating": None}, {}]
    assert folded("review", Measure(event="review", sum="rating"), rated, *nothing) == 4
    assert folded("review", Measure(event="review", min="rating"), *nothing) is None
    assert (
        folded("review", Measure(event="review", count=True, where={"rating": Range(max=2)}), *nothing) == 0
    )


def test_fields_with_a_default_count_with_it() -> None:
    assert folded("visit", Measure(event="visit", sum="count"), {"step": "click"}, {"count": 4}) == 5
    assert folded("order", Measure(event="order", min="discount"), {}, {"discount": 5}) == 0


def test_minimum_and_maximum_of_one_event_are_its_value() -> None:
    assert folded("order", Measure(event="order", max="delay"), {"delay": -5}) == -5
    assert folded("order", Measure(event="order", min="delay"), {"delay": 5}, {"delay": 7}) == 5


def test_a_kind_without_measures_folds_into_nothing() -> None:
    assert folded("visit", Measure(event="order", count=True), {"step": "cart"}) == 0
    assert fold_source(layout_for([], ()), KINDS["visit"]).endswith("pass\n")


def test_merge_takes_sums_minima_and_maxima() -> None:
    measures = [
        Measure(event="order", count=True),
        Measure(event="order", max="amount"),
        Measure(event="order", min="amount"),
    ]
    layout = layout_for(measures, ())
    total = list(layout.empty)
    for cell in ([1, 7, 7], list(layout.empty), [2, 9, 3], [1, 8, 8]):
        layout.merge(total, cell)
    assert total == [4, 9, 3]


def test_leaf_without_dimensions_is_empty() -> None:
    assert compile_leaf(())({}) == ()


@pytest.mark.parametrize("value", [0, -(2**62), 2**63 - 1, 2**70, None], ids=str)
def test_page_comes_back_as_it_went(value: int | None) -> None:
    page = Page(KEY, 99, 5, {("东区", 'a"|b\n'): [1, value], ("", ""): [0, 0]})
    stored = encode_page(page)
    assert decode_page(stored) == page
    assert decode_page(memoryview(stored)) == page
    assert is_page(stored)
    assert is_page(memoryview(stored))


#: -2^63 stands for nothing in packed cells, and nothing that is counted is so small
NUMBERS = st.one_of(
    st.sampled_from([0, 0, 0, 1, -1]),
    st.integers(-(2**70), 2**70).filter(lambda value: value != -(2**63)),
)


@given(st.data(), st.integers(1, 6), st.integers(0, 5))
def test_every_page_comes_back_as_it_went(data: st.DataObject, width: int, leaves: int) -> None:
    columns = [
        data.draw(st.lists(st.one_of(of, st.none()) if at % 2 else of, min_size=leaves, max_size=leaves))
        for at, of in enumerate([data.draw(st.sampled_from([st.just(0), NUMBERS])) for _ in range(width)])
    ]
    cells = {(f"leaf {at}",): [column[at] for column in columns] for at in range(leaves)}
    page = Page(KEY, 99, 5, cells)
    stored = encode_page(page)
    assert decode_page(stored) == page
    assert all(type(cell) is list for cell in decode_page(stored).cells.values())
    thin = read_page(stored)
    assert len(thin.columns) <= sum(1 for column in columns if set(column) not in ({0}, {None}, set()))
    empty: Cell = [None if at % 2 else 0 for at in range(width)]
    packed = PackedCells.stored(thin, empty, Leaves()) if leaves else None
    numbers = [value or 0 for column in columns for value in column]
    fits = leaves > 0 and all(-(2**63) <= number < 2**63 for number in numbers)
    assert (packed is not None) == fits
    assert packed is None or packed.cells() == cells


def test_columns_in_which_nothing_is_are_not_stored() -> None:
    page = Page(KEY, 99, 5, {("a",): [0, None, 7, None, 0], ("b",): [0, None, 8, 3, 0]})
    thin = read_page(encode_page(page))
    assert (thin.columns, thin.rows, thin.empty) == ([2, 3], [[7, None], [8, 3]], [0, None, 0, 0, 0])


@pytest.mark.parametrize("wrong", [b"[[1,3]]", b"[[1,3],[2]]", b"[[1,3],[2,4],[0,0]]"])
def test_a_page_whose_cells_do_not_fit_its_leaves_is_not_read(wrong: bytes) -> None:
    stored = encode_page(Page(KEY, 99, 5, {("a",): [1, 3], ("b",): [2, 4]}))
    with pytest.raises(StateError, match="not 2 cells of 2 columns"):
        decode_page(stored.replace(b"[[1,3],[2,4]]", wrong))


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"type":"ledger"}', b'{"type":"page","key":1}', b'{"type":"page",']
)
def test_what_is_no_page_is_said_to_be_none(value: bytes) -> None:
    with pytest.raises(StateError, match="page"):
        decode_page(value)
