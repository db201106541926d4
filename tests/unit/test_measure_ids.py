"""The dedupe index: horizon, limit, what is stored of it, and what comes back."""

import numpy as np
import pytest

from streams.engine.measure_ids import FULL, Changes, SeenIds, Segment
from streams.engine.measure_marks import marks_of
from streams.engine.measure_rows import MeasureRows, keyed, segment_row
from tests.measure_builders import admits

MINUTE, HOUR = 60_000, 3_600_000


def segments_of(*changes: Changes) -> list[Segment]:
    """What the rows of these changes read back as."""
    rows = MeasureRows()
    for one in changes:
        for segment in one.segments:
            name, value = segment_row(segment)
            rows.apply(keyed(name, b"me"), value)
    return rows.read().segments


def restored(segments: list[Segment], stamp: int, turn_ms: int, entries: int = 10_000) -> SeenIds:
    seen = SeenIds(2 * HOUR, entries)
    seen.restore(segments, stamp, turn_ms, 0)
    return seen


def test_id_at_a_lower_offset_makes_a_duplicate() -> None:
    seen = SeenIds(HOUR, 100)
    assert admits(seen, "a", 0, 0)
    assert not admits(seen, "a", 1, 10)
    assert len(seen) == 1


def test_no_entries_means_no_dedupe() -> None:
    seen = SeenIds(HOUR, 0)
    assert [admits(seen, "a", offset, 0) for offset in range(3)] == [True] * 3
    assert seen.changes() == Changes([], [])
    assert seen.forgotten == 0


@pytest.mark.parametrize(
    ("later_ms", "is_new"),
    [
        pytest.param(2 * HOUR - 1, False, id="within the horizon"),
        #  |--5 m bucket of the id--|<------ horizon 2 h ------>|--bucket that the time is in--
        pytest.param(2 * HOUR + 5 * MINUTE - 1, False, id="in the bucket that the horizon ends in"),
        pytest.param(2 * HOUR + 5 * MINUTE, True, id="behind it"),
    ],
)
def test_id_is_forgotten_a_bucket_after_the_horizon(later_ms: int, is_new: bool) -> None:
    seen = SeenIds(2 * HOUR, 100)
    admits(seen, "a", 0, 0)
    assert admits(seen, "a", 1, later_ms) is is_new


def test_time_never_goes_back() -> None:
    seen = SeenIds(2 * HOUR, 100)
    admits(seen, "a", 0, 10 * HOUR)
    assert not admits(seen, "a", 1, 0)
    assert admits(seen, "b", 2, 0)
    assert not admits(seen, "b", 3, 11 * HOUR)


def test_oldest_ids_go_first_where_there_are_too_many_and_are_counted() -> None:
    seen = SeenIds(HOUR, 48)
    assert all(admits(seen, f"id-{at}", at, 0) for at in range(60))
    assert seen.forgotten == 60 - len(seen) > 0
    assert admits(seen, "id-0", 60, 0)
    assert not admits(seen, "id-59", 61, 0)


def test_a_bucket_holds_no_more_than_one_record_can() -> None:
    seen = SeenIds(HOUR, 10_000_000)
    ids = [str(at) for at in range(FULL + 1)]
    assert all(seen.admit(ids, range(len(ids)), [0] * len(ids)))
    sizes = [len(segment.marks) for segment in seen.changes().segments]
    assert sizes == [FULL, 1]
    assert FULL * 16 < 1_000_000


def test_changes_hold_only_what_is_new() -> None:
    seen = SeenIds(HOUR, 100)
    admits(seen, "a", 3, 0)
    first = seen.changes()
    admits(seen, "b", 7, 0)
    second = seen.changes()
    assert [list(one.segments[0].offsets) for one in (first, second)] == [[3], [7]]
    assert seen.changes() == Changes([], [])


def test_a_closed_bucket_becomes_one_segment_and_the_others_are_superfluous() -> None:
    seen = SeenIds(2 * HOUR, 10_000)
    for offset in (1, 2, 3):
        admits(seen, str(offset), offset, 0)
        seen.changes()
    admits(seen, "later", 4, HOUR)
    whole, new = seen.changes().segments
    assert (whole.bucket, list(whole.offsets)) == (1, [1, 2, 3])
    assert (new.bucket, list(new.offsets)) == (4, [4])
    admits(seen, "much later", 5, 9 * HOUR)
    assert set(seen.changes().obsolete) == {(1, 1), (4, 4)}


def test_obsolete_segments_are_named_when_the_bucket_is_written_whole() -> None:
    seen = SeenIds(2 * HOUR, 10_000)
    for offset in (1, 2):
        admits(seen, str(offset), offset, 0)
        seen.changes()
    admits(seen, "later", 3, HOUR)
    assert seen.changes().obsolete == [(1, 2)]


def test_a_bucket_that_closes_before_it_was_stored_is_stored_once() -> None:
    seen = SeenIds(2 * HOUR, 10_000)
    admits(seen, "a", 1, 0)
    admits(seen, "b", 2, HOUR)
    assert [segment.bucket for segment in seen.changes().segments] == [1, 2]
    assert seen.changes() == Changes([], [])


def test_entries_beyond_the_stamp_are_forgotten() -> None:
    seen = SeenIds(2 * HOUR, 10_000)
    for offset in range(4):
        admits(seen, f"id-{offset}", offset, 0)
    heir = restored(segments_of(seen.changes()), 1, seen.turn_ms)
    assert [admits(heir, f"id-{at}", at, 0) for at in range(4)] == [False, False, True, True]


def test_segments_of_several_owners_overlap_without_harm() -> None:
    marks, offsets = marks_of(["a", "b", "c"]), np.arange(3)
    one = Segment(0, 5 * MINUTE, marks[:2], offsets[:2])
    two = Segment(0, 5 * MINUTE, marks, offsets)
    heir = restored([one, two, one], 2, 5 * MINUTE)
    assert len(heir) == 3
    admits(heir, "new", 3, 5 * MINUTE)
    assert [list(segment.offsets) for segment in heir.changes().segments] == [[3]]


def test_a_bucket_that_lies_wholly_beyond_the_stamp_is_empty() -> None:
    seen = SeenIds(2 * HOUR, 10_000)
    admits(seen, "a", 0, 0)
    admits(seen, "b", 1, HOUR)
    heir = restored(segments_of(seen.changes()), 0, seen.turn_ms)
    assert len(heir) == 1
    assert [admits(heir, "a", 2, HOUR), admits(heir, "b", 3, HOUR)] == [False, True]


def test_buckets_let_go_before_are_let_go_again() -> None:
    seen = SeenIds(2 * HOUR, 10_000)
    admits(seen, "old", 0, 0)
    first = seen.changes()
    admits(seen, "young", 1, 9 * HOUR)
    heir = restored(segments_of(first, seen.changes()), 1, seen.turn_ms)
    assert len(heir) == 1
    assert heir.changes().obsolete == [(0, 0)]
    assert admits(heir, "old", 2, 9 * HOUR)


def test_bucket_that_is_larger_than_a_lowered_limit_allows_is_closed_at_the_next_new_id() -> None:
    seen = SeenIds(HOUR, 48_000)
    many = [f"id-{at}" for at in range(1000)]
    assert all(seen.admit(many, range(1000), [0] * 1000))
    heir = restored(segments_of(seen.changes()), 999, seen.turn_ms, entries=24 * 100)
    assert heir.admit(["id-1", "new-1", "new-2"], [1000, 1001, 1002], [0] * 3) == [False, True, True]
    assert [segment.bucket for segment in heir.changes().segments] == [1001]


def test_one_id_in_all_records_of_a_large_batch_takes_one_place() -> None:
    seen = SeenIds(HOUR, 1_000_000)
    before = seen.bytes
    assert sum(seen.admit(["same"] * 5000, range(5000), [0] * 5000)) == 1
    assert (len(seen), seen.bytes) == (1, before)


def test_timestamps_at_the_end_of_time_stop_nothing() -> None:
    seen = SeenIds(HOUR, 1000)
    last = 2**63 - 1
    assert seen.admit(["a", "b", "a"], [0, 1, 2], [last, last - 1, last]) == [True, True, False]
    name, value = segment_row(seen.changes().segments[0])
    assert name
    assert value
