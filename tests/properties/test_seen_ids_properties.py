"""The dedupe index against a naive one, and through a restart at any offset."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.measure_ids import SeenIds, Segment
from tests.measure_builders import admits

HOUR = 3_600_000
WIDTH = 5 * 60_000
HORIZON = 2 * HOUR

arrivals = st.lists(st.tuples(st.integers(0, 25), st.integers(-HOUR, 3 * HOUR), st.booleans()), max_size=60)
limits = st.sampled_from([24, 48, 10_000])


@dataclass
class Naive:
    """Every new id with its bucket; old buckets go, then whole buckets while too many are kept."""

    entries: int
    buckets: list[tuple[int, list[str]]] = field(default_factory=list)
    slot: int = 0
    forgotten: int = 0

    def admit(self, name: str, now: int) -> bool:
        if now >= self.slot:
            self.turn(now // WIDTH * WIDTH + WIDTH)
        if any(name in names for _, names in self.buckets):
            return False
        if len(self.buckets[-1][1]) >= max(1, self.entries // 24):
            self.turn(self.slot)
        self.buckets[-1][1].append(name)
        return True

    def turn(self, slot: int) -> None:
        self.slot = slot
        self.buckets = [(end, names) for end, names in self.buckets if names and end + HORIZON > slot - WIDTH]
        while sum(len(names) for _, names in self.buckets) > self.entries:
            self.forgotten += len(self.buckets.pop(0)[1])
        self.buckets.append((slot, []))


@settings(max_examples=100, deadline=None)
@given(arrivals, limits, st.data())
def test_any_restart_decides_as_a_naive_index_does(
    arrived: list[tuple[int, int, bool]], entries: int, data: st.DataObject
) -> None:
    naive, seen, stored = Naive(entries), SeenIds(HORIZON, entries), list[Segment]()
    now, saved = 0, (-1, 0, 0)
    for offset, (name, step, flush) in enumerate(arrived):
        now = max(0, now + step)
        assert admits(seen, f"id-{name}", offset, now) == naive.admit(f"id-{name}", now)
        assert (len(seen), seen.forgotten) == (sum(len(n) for _, n in naive.buckets), naive.forgotten)
        if flush:
            stored += seen.changes().segments
            saved = (offset, seen.turn_ms, seen.forgotten)
            if data.draw(st.booleans()):
                seen = SeenIds(HORIZON, entries)
                seen.restore(data.draw(st.permutations(stored)), *saved)


@settings(max_examples=200, deadline=None)
@given(arrivals, st.sampled_from([0, 24, 48, 10_000]))
def test_how_a_log_is_cut_into_calls_changes_nothing(
    arrived: list[tuple[int, int, bool]], entries: int
) -> None:
    one, many = SeenIds(HORIZON, entries), SeenIds(HORIZON, entries)
    times = [max(0, sum(step for _, step, _ in arrived[: end + 1])) for end in range(len(arrived))]
    ids = [f"id-{name}" for name, _, _ in arrived]
    singly = [admits(one, name, at, times[at]) for at, name in enumerate(ids)]
    cuts = [0, *(at for at, (_, _, cut) in enumerate(arrived) if cut), len(arrived)]
    together: list[bool] = []
    for begin, end in pairwise(cuts):
        together += many.admit(ids[begin:end], range(begin, end), times[begin:end])
    assert together == singly
    assert (len(one), one.forgotten, one.turn_ms) == (len(many), many.forgotten, many.turn_ms)
    left, right = one.changes(), many.changes()
    assert [(s.bucket, s.end_ms, s.marks.tolist(), s.offsets.tolist()) for s in left.segments] == [
        (s.bucket, s.end_ms, s.marks.tolist(), s.offsets.tolist()) for s in right.segments
    ]


@settings(max_examples=100, deadline=None)
@given(arrivals, limits, st.integers(0, 59))
def test_a_crash_after_storing_ahead_repeats_the_same_decisions(
    arrived: list[tuple[int, int, bool]], entries: int, at: int
) -> None:
    seen = SeenIds(HORIZON, entries)
    times = [max(0, sum(step for _, step, _ in arrived[: end + 1])) for end in range(len(arrived))]
    stored, marks, decisions = list[Segment](), [(-1, 0, 0)], list[bool]()
    for offset, (name, _, flush) in enumerate(arrived):
        decisions.append(admits(seen, f"id-{name}", offset, times[offset]))
        marks.append((offset, seen.turn_ms, seen.forgotten))
        if flush:
            stored += seen.changes().segments
    # The ledger that was confirmed is any whose entries had been stored: take one at a flush, or none.
    flushed = [0] + [end + 1 for end, (_, _, flush) in enumerate(arrived) if flush]
    back = max(end for end in flushed if end <= at)
    heir = SeenIds(HORIZON, entries)
    heir.restore(stored, *marks[back])
    again = [admits(heir, f"id-{arrived[o][0]}", o, times[o]) for o in range(back, len(arrived))]
    assert again == decisions[back:]
