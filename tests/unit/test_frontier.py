"""How far time has come, from what source partitions say."""

from schemas.records import Ledger, Roster
from streams.windows.frontier import SETTLE_MS, Frontier

MINUTE = 60_000
T = 100 * MINUTE


def ledger(partition: int, watermark: int | None, stamp: int = 1, **more: object) -> Ledger:
    """A ledger of the topic `sales`."""
    return Ledger.model_validate(
        {"topic": "sales", "partition": partition, "stamp": stamp, "watermark_ms": watermark, **more}
    )


def frontier(*ledgers: Ledger, partitions: int = 2) -> Frontier:
    """A frontier that has heard these."""
    found = Frontier()
    found.enrol(Roster(partitions={"sales": partitions}))
    for item in ledgers:
        found.hear(item, 0)
    return found


def test_time_is_where_the_slowest_partition_is_floored_to_the_minute() -> None:
    #  0  ──────────────●            T + 3m30s
    #  1  ─────────●                 T + 1m59.999s
    #              |                 closed up to T + 1m
    found = frontier(ledger(0, T + 3 * MINUTE + 30_000), ledger(1, T + 2 * MINUTE - 1))
    assert found.reached(0) == T + MINUTE


def test_a_pane_is_closed_exactly_when_the_watermark_is_at_its_end() -> None:
    assert frontier(ledger(0, T - 1), partitions=1).reached(0) == T - MINUTE
    assert frontier(ledger(0, T), partitions=1).reached(0) == T


def test_a_partition_that_was_never_heard_holds_time() -> None:
    assert frontier(ledger(0, T)).reached(0) is None


def test_a_partition_without_an_event_holds_time_until_it_is_idle() -> None:
    assert frontier(ledger(0, T), ledger(1, None)).reached(0) is None
    assert frontier(ledger(0, T), ledger(1, None, idle=True)).reached(0) == T


def test_an_idle_partition_does_not_hold_time() -> None:
    assert frontier(ledger(0, T), ledger(1, T - 50 * MINUTE, idle=True)).reached(0) == T


def test_when_all_are_idle_time_goes_on_by_what_has_elapsed() -> None:
    #  0  ──────●·················   idle for 5m
    #  1  ──────────●·········       idle for 2m
    #               |───2m───|       the newest event, and what elapsed since all are idle
    found = frontier(
        ledger(0, T, idle=True, idle_ms=5 * MINUTE), ledger(1, T + MINUTE, idle=True, idle_ms=2 * MINUTE)
    )
    assert found.reached(0) == T + 3 * MINUTE


def test_nobody_knows_the_time_when_nobody_had_an_event() -> None:
    assert frontier(ledger(0, None, idle=True), ledger(1, None, idle=True)).reached(0) is None
    assert Frontier().reached(0) is None


def test_after_a_common_silence_the_first_waits_for_the_others() -> None:
    found = frontier(ledger(0, None, -1, idle=True), ledger(1, None, -1, idle=True))
    found.hear(ledger(0, None, -1, opened=True), 10_000)
    found.hear(ledger(0, T), 10_100)
    assert found.reached(10_100) is None
    found.hear(ledger(1, T - MINUTE), 10_200)
    assert found.reached(10_000 + SETTLE_MS - 1) is None
    assert found.reached(10_000 + SETTLE_MS) == T - MINUTE


def test_one_that_opens_while_others_run_makes_nobody_wait() -> None:
    found = frontier(ledger(0, T), ledger(1, T - 9 * MINUTE, idle=True))
    found.hear(ledger(1, T - 9 * MINUTE, opened=True), 10_000)
    assert found.settle_ms is None


def test_a_ledger_of_an_owner_whose_time_is_over_is_ignored() -> None:
    found = frontier(ledger(0, T, stamp=50), partitions=1)
    found.hear(ledger(0, T - 9 * MINUTE, stamp=40, idle=True), 0)
    assert found.ledgers["sales", 0].stamp == 50


def test_a_watermark_never_goes_back() -> None:
    found = frontier(ledger(0, T, stamp=5), partitions=1)
    found.hear(ledger(0, T - MINUTE, stamp=6), 0)
    assert found.watermark(("sales", 0)) == T
    found.hear(ledger(0, None, stamp=7), 0)
    assert found.watermark(("sales", 0)) == T
    assert found.watermark(("sales", 1)) is None


def test_a_new_roster_forgets_who_is_not_in_it() -> None:
    found = frontier(ledger(0, T), ledger(1, T - 9 * MINUTE))
    found.enrol(Roster(partitions={"sales": 1}))
    assert found.reached(0) == T
    assert list(found.ledgers) == [("sales", 0)]
