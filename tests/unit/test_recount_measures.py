"""What one event adds to a cell, as the measures' words have it; and as the code that measure generates."""

from random import Random
from typing import Any

import pytest

from schemas.events import KINDS
from schemas.kpi import Measure, Range
from streams.cells.fold import compile_fold
from streams.cells.layout import layout_for, layout_of
from streams.engine.measure_read import EventReader
from streams.engine.recount.measures import KindMeasures, holds
from tests.catalogues import default_catalogue
from tests.measure_builders import catalogue, encoded


@pytest.mark.parametrize(
    ("value", "wanted", "is_so"),
    [
        pytest.param(5, Range(min=5, max=5), True, id="both ends are inside"),
        pytest.param(4, Range(min=5), False, id="below"),
        pytest.param(6, Range(max=5), False, id="above"),
        pytest.param(None, Range(), False, id="nothing is in no range"),
        pytest.param(0, Range(), True, id="anything is in the open range"),
        pytest.param("b", ["a", "b"], True, id="listed"),
        pytest.param("c", ["a", "b"], False, id="not listed"),
        pytest.param("a", "a", True, id="equal"),
        pytest.param(None, "a", False, id="nothing equals no text"),
    ],
)
def test_condition_holds_as_it_is_worded(value: Any, wanted: Any, is_so: bool) -> None:
    assert holds(value, wanted) is is_so


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_examples_of_every_kind_add_what_the_generated_code_adds(kind: Any) -> None:
    book = default_catalogue()
    layout, reader = layout_of(book), EventReader([kind], book)
    event = reader.read_one(encoded(dict(kind.example)))
    assert isinstance(event, dict)
    cells = list(layout.empty), list(layout.empty)
    fold, plain = compile_fold(layout, kind), KindMeasures(layout, kind)
    rng = Random(7)
    for _ in range(3):
        delay = rng.randrange(1000)
        fold(event, cells[0], delay)
        touched = plain.add(event, cells[1], delay)
    assert cells[1] == cells[0]
    assert [at for at, value in enumerate(cells[1]) if value] == [at for at in touched if cells[1][at]]


def test_smallest_and_largest_keep_the_first_value_of_a_cell() -> None:
    layout = layout_of(catalogue())
    plain, cell = KindMeasures(layout, KINDS["order"]), list(layout.empty)
    for amount, delay in ((100, 9), (700, 3), (300, 5)):
        plain.add({"line": 2, "amount": amount, "quantity": 1}, cell, delay)
    assert dict(zip(layout.keys, cell, strict=True)) == {
        "order+refund.min.delay": 3,
        "order.count": 3,
        "order.count[line=1]": 0,
        "order.max.amount[quantity=1..]": 700,
        "order.sum.amount": 1100,
        "refund.sum.amount": 0,
    }


def test_nothing_is_added_of_a_field_that_was_not_sent() -> None:
    layout = layout_for([Measure(event="review", sum="rating"), Measure(event="review", count=True)], ())
    plain, cell = KindMeasures(layout, KINDS["review"]), list(layout.empty)
    assert plain.add({"sentiment": "negative"}, cell, 0) == [0]
    assert plain.add({"rating": 4}, cell, 0) == [0, 1]
    assert dict(zip(layout.keys, cell, strict=True)) == {"review.count": 2, "review.sum.rating": 4}
