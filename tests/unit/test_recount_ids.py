"""Which ids a recount has met: steps, horizon and limit as measure has them, and what is doubtful."""

from random import Random

import pytest

from streams.engine.measure_ids import FULL, SeenIds
from streams.engine.recount.ids import _BUCKET, KnownIds, Sight
from tests.measure_builders import admits

MINUTE, HOUR = 60_000, 3_600_000


def test_buckets_are_as_large_as_those_of_measure() -> None:
    assert _BUCKET == FULL


@pytest.mark.parametrize("entries", [0, 1, 5, 24, 50, 1000])
def test_what_is_new_is_what_measure_admits(entries: int) -> None:
    rng, now = Random(entries), 0
    known, seen = KnownIds(2 * HOUR, entries), SeenIds(2 * HOUR, entries)
    for offset in range(3000):
        now += rng.randrange(-MINUTE, 3 * MINUTE)
        name = f"id-{rng.randrange(80)}"
        assert (known.meet(name, now) is Sight.NEW) == admits(seen, name, offset, now), offset
    assert len(known) == len(seen)


def test_id_is_known_a_whole_horizon_long_and_then_new_again() -> None:
    known = KnownIds(2 * HOUR, 1000)
    step = 2 * HOUR // 24
    assert known.meet("a", 0) is Sight.NEW
    assert known.meet("a", 2 * HOUR + step - 1) is Sight.REPEATED
    assert known.meet("a", 2 * HOUR + step) is Sight.NEW


def test_without_entries_everything_is_new_and_everything_is_known() -> None:
    known = KnownIds(HOUR, 0, learning=True)
    assert [known.meet("a", 0), known.meet("a", 0)] == [Sight.NEW, Sight.NEW]
    assert known.is_complete


def test_knowledge_is_complete_after_a_horizon_or_after_all_entries() -> None:
    by_time, by_number = KnownIds(HOUR, 1000, learning=True), KnownIds(HOUR, 24, learning=True)
    assert not by_time.is_complete
    by_time.meet("a", 0)
    assert not by_time.is_complete
    by_time.meet("b", HOUR + 5 * MINUTE)
    assert by_time.is_complete
    for number in range(2 * (24 + 2)):  # as many as the limit may have been repetitions
        assert not by_number.is_complete
        by_number.meet(f"id-{number}", 0)
    assert by_number.is_complete


def test_what_was_learned_is_doubtful_until_it_was_silent_for_a_horizon() -> None:
    known = KnownIds(HOUR, 1000, learning=True)
    known.meet("a", 0)
    known.meet("a", 1)
    known.learned()
    assert known.meet("b", MINUTE) is Sight.NEW
    assert known.meet("b", MINUTE) is Sight.REPEATED
    assert known.meet("a", 50 * MINUTE) is Sight.DOUBTFUL
    assert known.meet("a", 50 * MINUTE) is Sight.DOUBTFUL
    assert known.meet("a", 100 * MINUTE) is Sight.DOUBTFUL  # its silence began anew
    assert known.meet("a", 170 * MINUTE) is Sight.NEW
    assert known.meet("a", 170 * MINUTE) is Sight.REPEATED


def test_the_edge_of_the_limit_is_doubtful_where_the_beginning_is_not_known() -> None:
    known = KnownIds(HOUR, 48, learning=True)
    known.learned()
    for number in range(60):
        known.meet(f"id-{number}", 0)
    assert known.meet("id-59", 0) is Sight.REPEATED
    assert known.meet("id-11", 0) is Sight.DOUBTFUL
    assert known.meet("id-0", 0) is Sight.NEW
    assert len(known) <= 48 + 6


def test_an_id_doubted_at_the_edge_of_the_limit_begins_anew() -> None:
    known = KnownIds(HOUR, 2, learning=True)
    known.learned()
    for name in "abcde":
        known.meet(name, 0)
    assert known.meet("b", 0) is Sight.DOUBTFUL  # forgotten and counted, or not
    for name in "fgh":
        assert known.meet(name, 0) is Sight.NEW
    assert known.meet("b", 0) is Sight.DOUBTFUL


def test_doubtful_ids_may_have_taken_up_room() -> None:
    known = KnownIds(HOUR, 48, learning=True)
    learned = [f"old-{number}" for number in range(10)]
    for name in learned:
        known.meet(name, 0)
    known.learned()
    known.meet("a", 0)
    for number in range(42):
        known.meet(f"id-{number}", 0)
    assert known.meet("a", 0) is Sight.REPEATED
    for name in learned:
        assert known.meet(name, 0) is Sight.DOUBTFUL
    assert known.meet("a", 0) is Sight.DOUBTFUL


def test_a_doubtful_id_is_kept_as_long_as_the_last_of_its_step() -> None:
    known = KnownIds(HOUR, 4, learning=True)
    for name in "ab":
        known.meet(name, 0)
    known.learned()
    assert known.meet("a", 0) is Sight.DOUBTFUL
    for number in range(3):
        known.meet(f"one-{number}", 0)
    assert known.meet("b", 0) is Sight.DOUBTFUL
    for number in range(5):
        known.meet(f"two-{number}", 0)
    assert known.meet("b", 0) is Sight.DOUBTFUL


def test_what_was_learned_may_have_been_a_repetition_that_pushed_nothing_out() -> None:
    known = KnownIds(HOUR, 24, learning=True)
    for number in range(40):
        known.meet(f"id-{number}", 0)
    known.learned()
    assert known.meet("id-0", 0) is Sight.DOUBTFUL
