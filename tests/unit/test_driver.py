"""Which parts drive a departure."""

import numpy as np
import pytest

from streams.decisions.driver import Parts, Sums, find_drivers
from streams.decisions.formula import Column

EAST, WEST, NORTH, SOUTH = ({"region": name} for name in ("East", "West", "North", "South"))
NONE = float("nan")


def first(sums: Sums) -> Column:
    """The first measure."""
    return sums[:, 0]


def ratio(sums: Sums) -> Column:
    """First over second."""
    return sums[:, 0] / np.where(sums[:, 1] == 0, np.nan, sums[:, 1])


def test_the_part_that_fell_most_is_named_first_with_its_share() -> None:
    now = np.array([[70.0], [95.0], [105.0], [99.0]])
    then = np.full((4, 1), 100.0)
    found = find_drivers(Parts([EAST, WEST, NORTH, SOUTH], now, then), first, sign=-1)
    assert [driver.scope for driver in found] == [EAST, WEST, SOUTH]
    assert [driver.change for driver in found] == pytest.approx([-0.3, -0.05, -0.01])
    assert [driver.share for driver in found] == pytest.approx([30 / 36, 5 / 36, 1 / 36])
    assert (found[0].value, found[0].expected) == (70.0, 100.0)


def test_no_more_than_three_are_named() -> None:
    parts = Parts([EAST, WEST, NORTH, SOUTH], np.zeros((4, 1)), np.ones((4, 1)))
    assert [driver.scope for driver in find_drivers(parts, first, sign=-1)] == [EAST, NORTH, SOUTH]


def test_a_part_that_is_gone_is_named_and_a_new_one_has_no_change() -> None:
    parts = Parts([EAST, WEST], np.array([[0.0], [9.0]]), np.array([[50.0], [0.0]]))
    assert [(d.scope, d.change) for d in find_drivers(parts, first, sign=-1)] == [(EAST, -1.0)]
    assert [(d.scope, d.change, d.expected) for d in find_drivers(parts, first, sign=1)] == [
        (WEST, None, 0.0)
    ]


def test_of_a_ratio_against_a_constant_the_part_without_which_it_would_be_better() -> None:
    #  East 40 of 100 are bad, West 1 of 100, North 2 of 100
    now = np.array([[40.0, 100.0], [1.0, 100.0], [2.0, 100.0]])
    found = find_drivers(Parts([EAST, WEST, NORTH], now, None), ratio, sign=1)
    assert [(driver.scope, driver.expected, driver.change) for driver in found] == [(EAST, None, None)]
    assert found[0].value == 0.4


def test_of_a_largest_the_part_that_has_it() -> None:
    parts = Parts([EAST, WEST, NORTH], np.array([[3.0], [9.0], [NONE]]), None, maxs=[0])
    found = find_drivers(parts, first, sign=1)
    assert [(driver.scope, driver.value, driver.share) for driver in found] == [(WEST, 9.0, 1.0)]


def test_of_a_smallest_the_part_that_has_it() -> None:
    parts = Parts([EAST, WEST, NORTH], np.array([[3.0], [9.0], [NONE]]), None, mins=[0])
    assert [driver.scope for driver in find_drivers(parts, first, sign=-1)] == [EAST]


def test_a_scope_of_one_part_has_no_driver() -> None:
    assert find_drivers(Parts([EAST], np.array([[1.0]]), np.array([[5.0]])), first, sign=-1) == []


def test_where_no_part_is_worse_none_is_named() -> None:
    assert find_drivers(Parts([EAST, WEST], np.ones((2, 1)), np.ones((2, 1))), first, sign=-1) == []
