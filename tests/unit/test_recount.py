"""What became of each record, one by one, as the promises word it."""

from typing import Any

import pytest

from schemas.dimension import OTHER
from schemas.records import Counts, Ledger
from streams.engine.recount.source import Admitted, Limits, Outcome, Pane, Recount, Verdict
from tests.measure_builders import START_MS, TOPIC, Record, catalogue, order, record

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BOOK = catalogue(limit=1)


def judged(recount: Recount, *records: Record) -> list[Verdict]:
    return [recount.step(one, event) for one, event in recount.read(records)]


def outcomes(recount: Recount, *records: Record) -> list[Outcome]:
    return [verdict.outcome for verdict in judged(recount, *records)]


def test_each_record_becomes_one_of_the_reasons_of_a_ledger() -> None:
    recount = Recount(TOPIC, BOOK)
    found = outcomes(
        recount,
        record(0, order("a", START_MS + DAY)),
        record(1, order("a", START_MS + DAY)),
        record(2, b"{"),
        record(3, None),
        record(4, order("b", START_MS), START_MS + DAY),
        record(5, order("c", START_MS + 2 * DAY), START_MS + DAY),
        record(6, order("d", START_MS - 400 * DAY), START_MS + DAY),
    )
    refused, counted = Outcome.REFUSED, Outcome.COUNTED
    assert found == [counted, Outcome.DUPLICATE, refused, refused, Outcome.LATE, refused, Outcome.EXPIRED]
    counts = {"received": 7, "counted": 2, "duplicate": 1, "late": 1, "expired": 1, "refused": 3}
    assert recount.counts == Counts(**counts)


@pytest.mark.parametrize(
    ("age_ms", "pane"),
    [
        # watermark |---- 10 s before the newest: its own minute is 07:59 ----|
        pytest.param(0, Pane("m", START_MS, START_MS), id="on time"),
        pytest.param(MINUTE, Pane("m", START_MS - MINUTE, START_MS - MINUTE), id="within the disorder"),
        pytest.param(2 * MINUTE, Pane("m", START_MS - 2 * MINUTE, START_MS - MINUTE), id="late minute"),
        pytest.param(
            2 * HOUR + MINUTE, Pane("m", START_MS - 121 * MINUTE, START_MS - MINUTE), id="oldest minute"
        ),
        pytest.param(2 * HOUR + 2 * MINUTE, Pane("h", START_MS - 3 * HOUR, START_MS - MINUTE), id="hour"),
        pytest.param(
            8 * DAY + MINUTE, Pane("h", START_MS - 8 * DAY - HOUR, START_MS - MINUTE), id="oldest hour"
        ),
        pytest.param(
            8 * DAY + 2 * MINUTE, Pane("d", START_MS - 8 * DAY - 8 * HOUR, START_MS - MINUTE), id="day"
        ),
        pytest.param(400 * DAY + 2 * MINUTE, None, id="expired"),
    ],
)
def test_pane_follows_from_how_far_the_partition_itself_has_come(age_ms: int, pane: Pane | None) -> None:
    recount = Recount(TOPIC, BOOK)
    judged(recount, record(0, order("first", START_MS)))
    assert recount.watermark_ms == START_MS - 10_000
    [verdict] = judged(recount, record(1, order("second", START_MS - age_ms), START_MS))
    assert verdict.pane == pane


def test_watermark_never_passes_the_record_and_never_goes_back() -> None:
    recount = Recount(TOPIC, BOOK)
    judged(recount, record(0, order("a", START_MS + MINUTE), START_MS))
    judged(recount, record(1, order("b", START_MS - 9_000), START_MS))
    assert recount.watermark_ms == START_MS - 10_000


def test_delay_is_never_below_nothing() -> None:
    recount = Recount(TOPIC, BOOK)
    found = judged(
        recount, record(0, order("a"), START_MS + 250), record(1, order("b", START_MS + 90), START_MS)
    )
    assert [verdict.delay_ms for verdict in found] == [250, 0]


def region(number: int, name: Any) -> Record:
    return record(number, order(f"e{number}", dimensions={"region": name}))


def test_values_beyond_four_times_the_limit_count_under_other() -> None:
    recount = Recount(TOPIC, BOOK)
    found = judged(
        recount, *(region(at, name) for at, name in enumerate(["a", "b", "c", "d", "e", "a", None, "other"]))
    )
    assert [verdict.leaf[0] for verdict in found] == ["a", "b", "c", "d", OTHER, "a", "unknown", OTHER]
    assert recount.other == 1


def test_limits_are_those_of_the_settings() -> None:
    recount = Recount(TOPIC, BOOK, Limits(dedupe_entries=0, value_bytes=1000))
    big = order("b", attributes={f"a{at}": "x" * 400 for at in range(3)})
    assert outcomes(recount, record(0, order("a")), record(1, order("a")), record(2, big)) == [
        Outcome.COUNTED,
        Outcome.COUNTED,
        Outcome.REFUSED,
    ]


def test_resumed_recount_goes_on_from_the_ledger_and_doubts_what_it_learned() -> None:
    recount = Recount(TOPIC, BOOK, learning=True)
    judged(recount, record(7, order("a")), region(8, "z"))
    counts = Counts(received=20, counted=15, duplicate=2, late=4, expired=1, refused=2)
    ledger = Ledger(topic=TOPIC, partition=0, stamp=8, watermark_ms=START_MS + HOUR, counts=counts, other=3)
    values = [Admitted("region", name, at) for at, name in enumerate("wxyz")]
    recount.resume(ledger, [*values, Admitted("region", "later", 9), Admitted("gone", "v", 1)])
    assert recount.counts == counts
    found = judged(recount, record(9, order("a")), region(10, "z"), region(11, "later"))
    assert [(verdict.outcome, verdict.leaf[:1]) for verdict in found] == [
        (Outcome.DOUBTFUL, ()),
        (Outcome.LATE, ("z",)),
        (Outcome.LATE, (OTHER,)),
    ]
    assert found[0].maybe == (Pane("m", START_MS, START_MS + HOUR),)
    assert recount.other == 4
    assert recount.counts.received == 23
    assert recount.counts.counted == 17


def doubting(minutes: int, values: list[Admitted]) -> Recount:
    """A recount that has learned the id `a` and goes on at a watermark so many minutes after the start."""
    recount = Recount(TOPIC, BOOK, learning=True)
    judged(recount, record(0, order("a")))
    counts = Counts(received=1, counted=1)
    mark = START_MS + minutes * MINUTE
    recount.resume(Ledger(topic=TOPIC, partition=0, stamp=0, watermark_ms=mark, counts=counts), values)
    return recount


def test_where_the_watermark_may_have_moved_an_event_is_doubtful_until_one_is_further_for_certain() -> None:
    recount = doubting(0, [])
    found = judged(
        recount,
        record(1, order("a", START_MS + 10 * MINUTE)),
        record(2, order("b", START_MS + 4 * MINUTE)),
        record(3, order("c", START_MS + 11 * MINUTE)),
        record(4, order("d", START_MS + 4 * MINUTE), START_MS + 11 * MINUTE),
    )
    # |--- 4: b on time --|......| 9:50 the watermark, if a counted |--- 11: c, further than either ---|
    fourth = START_MS + 4 * MINUTE
    either = {Pane("m", fourth, fourth), Pane("m", fourth, START_MS + 9 * MINUTE)}
    assert [one.outcome.name for one in found] == ["DOUBTFUL", "DOUBTFUL", "COUNTED", "LATE"]
    assert set(found[1].maybe) == either
    assert found[3].pane == Pane("m", fourth, START_MS + 10 * MINUTE)
    assert recount.watermark_ms == START_MS + 11 * MINUTE - 10_000


def test_of_a_doubtful_event_those_values_are_kept_that_it_is_said_to_have_brought() -> None:
    regions = [Admitted("region", name, 0) for name in "wxy"]
    brought = order("a", dimensions={"region": "z", "channel": "shop"})
    for values, kept in ((regions, "v"), ([*regions, Admitted("region", "z", 1)], OTHER)):
        recount = doubting(0, values)
        first, second = judged(recount, record(1, brought), region(2, "v"))
        assert (first.outcome, second.leaf[0]) == (Outcome.DOUBTFUL, kept)


def test_doubtful_event_that_has_expired_either_way_may_be_nowhere() -> None:
    recount = doubting(0, [])
    [verdict] = judged(recount, record(1, order("a", START_MS - 500 * DAY), START_MS))
    assert (verdict.outcome, verdict.maybe) == (Outcome.DOUBTFUL, ())
