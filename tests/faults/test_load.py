"""What the suite sends is what its recount can judge."""

from tests.faults.installation import CATALOGUE
from tests.faults.load import HORIZON_MS, Load, Plan
from tests.faults.oracle.company import Company
from tests.faults.oracle.counting import Source
from tests.faults.oracle.log import Record

STEP_MS, RECORDS = 4_000, 12_000


def test_half_a_day_of_load_has_repetitions_of_every_age_and_none_at_the_edge_of_the_horizon() -> None:
    """The recount refuses one at the edge; some are forgotten, counted again, and repeated again."""
    assert RECORDS * STEP_MS > 12 * HORIZON_MS
    load, source = Load("", "t", 1, Plan(seed=11, step_ms=STEP_MS)), Source(Company.of(CATALOGUE))
    seen: dict[bytes, list[int]] = {}
    for number in range(RECORDS):
        for offset, one in enumerate(load.record(number)):
            at_ms, key = one["timestamp_ms"], one["key"]
            record = Record(one["topic"], 0, number + offset, at_ms, key, one["value"], dict(one["headers"]))
            if list(source.take([record])):
                seen.setdefault(key, []).append(at_ms)
    assert source.counts["duplicate"] > 100
    assert max(map(len, seen.values())) > 2
