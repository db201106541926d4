"""Points in memory: taken in order, bounded, and safe only when nothing of a version waits."""

from streams.exporters.influx.backlog import Backlog, Chunk
from tests.fakes_output import figure


def chunk(version: int, *numbers: int) -> Chunk:
    return Chunk(version, tuple(figure(n) for n in numbers), ())


def numbers(flight_chunks: list[Chunk]) -> list[int]:
    return [int(item.value) for part in flight_chunks for item in part.figures]


def test_nothing_put_is_version_minus_one_and_an_empty_put_is_safe_at_once() -> None:
    backlog = Backlog(10)
    assert backlog.safe_version() == -1
    assert backlog.put(chunk(7)) == 0
    assert backlog.safe_version() == 7


def test_version_is_safe_when_its_last_point_landed() -> None:
    backlog = Backlog(10)
    backlog.put(chunk(5, 1, 2, 3))
    backlog.put(chunk(9, 4))
    first = backlog.take(2)
    second = backlog.take(5)
    assert (numbers(first.chunks), numbers(second.chunks)) == ([1, 2], [3, 4])
    assert backlog.safe_version() == 4
    backlog.land(second)
    assert backlog.safe_version() == 4
    backlog.land(first)
    backlog.land(first)
    assert backlog.safe_version() == 9


def test_split_chunk_is_not_safe_while_its_rest_waits() -> None:
    backlog = Backlog(10)
    backlog.put(chunk(5, 1, 2, 3))
    backlog.land(backlog.take(2))
    assert (backlog.points, backlog.safe_version()) == (1, 4)


def test_chunk_of_figures_and_lines_is_split_across_both() -> None:
    backlog = Backlog(10)
    backlog.put(Chunk(1, (figure(1),), ("a", "b")))
    assert [list(part.lines) for part in backlog.take(2).chunks] == [["a"]]
    assert [list(part.lines) for part in backlog.take(2).chunks] == [["b"]]


def test_full_memory_drops_the_oldest_and_says_how_many() -> None:
    backlog = Backlog(4)
    backlog.put(chunk(1, 1, 2))
    backlog.put(chunk(2, 3, 4))
    assert backlog.put(chunk(3, 5)) == 2
    assert numbers(backlog.take(9).chunks) == [3, 4, 5]


def test_put_larger_than_memory_keeps_nothing_of_it() -> None:
    backlog = Backlog(2)
    assert backlog.put(chunk(1, 1, 2, 3)) == 3
    assert (backlog.points, backlog.safe_version()) == (0, 1)


def test_flight_that_did_not_happen_waits_before_all_others() -> None:
    backlog = Backlog(10)
    backlog.put(chunk(1, 1, 2))
    backlog.put(chunk(2, 3))
    flight = backlog.take(2)
    backlog.give_back(flight)
    assert backlog.points == 3
    assert numbers(backlog.take(9).chunks) == [1, 2, 3]


def test_nothing_is_safe_while_an_older_version_stands_behind_a_newer_one() -> None:
    backlog = Backlog(10)
    backlog.put(chunk(1000, 1))
    backlog.put(chunk(950, 2))
    assert backlog.safe_version() == 949
    flight = backlog.take(2)
    assert backlog.safe_version() == 949
    backlog.land(flight)
    assert backlog.safe_version() == 1000
