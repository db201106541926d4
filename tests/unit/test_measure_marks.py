"""The table of marks: what lives in it, how it grows, and that its size stays bounded."""

import numpy as np
import pytest

from streams.engine import measure_marks
from streams.engine.measure_marks import Marks, MarkTable, marks_of


def put(table: MarkTable, marks: Marks) -> int:
    """Open a bucket with these marks."""
    ticket = table.open()
    table.add(marks, table.search(marks).ends, ticket)
    return ticket


def draw(rng: np.random.Generator, count: int) -> Marks:
    return rng.integers(0, 2**64, count, dtype=np.uint64)


def test_marks_are_those_of_any_process() -> None:
    # the published value of XXH3 for no bytes at all
    assert marks_of([""]).tolist() == [0x2D06800538D394C2]


def test_table_grows_and_finds_everything_at_less_than_24_bytes_a_mark() -> None:
    rng, table = np.random.default_rng(1), MarkTable(factor=0x9E3779B97F4A7C15)
    buckets = [draw(rng, 3000) for _ in range(13)]
    for marks in buckets:
        put(table, marks)
    assert len(table) == 39_000
    assert all(table.search(marks).found.all() for marks in buckets)
    assert not table.search(draw(rng, 500)).found.any()
    arrays = table.bytes - 2**16
    assert arrays / len(table) < 24


def test_bucket_that_is_let_go_makes_room_and_nothing_grows() -> None:
    rng, table = np.random.default_rng(2), MarkTable(factor=3)
    living = [(put(table, marks), marks) for marks in (draw(rng, 500) for _ in range(4))]
    size = table.bytes
    for _ in range(100):
        ticket, marks = living.pop(0)
        table.let_go(ticket, len(marks))
        assert not table.search(marks).found.any()
        fresh = draw(rng, 500)
        living.append((put(table, fresh), fresh))
        assert all(table.search(marks).found.all() for _, marks in living)
    assert (len(table), table.bytes) == (2000, size)


def test_mark_that_was_let_go_may_come_again() -> None:
    table, marks = MarkTable(), marks_of(["a"])
    table.let_go(put(table, marks), 1)
    again = put(table, marks)
    assert table.search(marks).found.all()
    table.let_go(again, 1)
    assert not table.search(marks).found.any()


def test_marks_of_one_region_make_the_table_grow_before_it_is_full() -> None:
    table = MarkTable(factor=1)
    whole = (np.arange(4000, dtype=np.uint64) % np.uint64(2)) << np.uint64(62)
    marks = whole | (np.arange(4000, dtype=np.uint64) << np.uint64(50))
    for begin in range(0, 4000, 1000):
        put(table, marks[begin : begin + 1000])
    more = marks[:500] + np.uint64(1)
    put(table, more)
    assert table.search(marks).found.all()
    assert table.search(more).found.all()


def test_ticket_comes_again_only_when_nothing_is_left_of_its_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_marks, "_TICKETS", 8)
    monkeypatch.setattr(measure_marks, "_SWEEP", 4)
    rng, table = np.random.default_rng(3), MarkTable()
    gone = []
    for _ in range(30):
        marks = draw(rng, 50)
        table.let_go(put(table, marks), 50)
        gone.append(marks)
        assert not any(table.search(one).found.any() for one in gone)
