"""A log that is read again by a fold that was kept: what counts already counts once.

source a  ────●────────●────────────●──▶   time goes on by a alone while b is idle
source b  idle          ○ late page      ▶   waits for the next pane end, then counts
                        └ commit ┘ restart, its pane closes, and the log is read again from `replay_from`
"""

from streams.engine.evaluate import Evaluation
from tests.evaluate_builders import MINUTE, MONDAY, CellsLog, catalogue, ledger, page, restart, run

A, B = ("sales", 0), ("sales", 1)


def _orders(fold: Evaluation) -> dict[str, float]:
    return {
        one.window: one.value
        for one in fold.figures_now()
        if one.kpi == "orders" and not one.scope and one.window in ("1h", "day")
    }


def test_a_page_that_waited_behind_time_counts_once_when_a_kept_fold_reads_it_again() -> None:
    log = CellsLog(catalogue([]), partitions=2)
    log.put(ledger(MONDAY, stamp=1, source=B))
    log.put(page(log.layout, {("East", "web"): {"order.count": 1}}, MONDAY, stamp=2, source=A))
    log.put(ledger(MONDAY + 5 * MINUTE, stamp=3, source=A))
    log.put(ledger(MONDAY - 5 * MINUTE, stamp=1, source=B, idle=True))
    log.put(ledger(MONDAY + 10 * MINUTE, stamp=4, source=A))
    log.put(page(log.layout, {("East", "web"): {"order.count": 7}}, MONDAY + 2 * MINUTE, stamp=5, source=B))
    before = Evaluation("before")
    run(log.records, before)
    rows, commit = before.commit()

    kept = restart([*rows, commit])
    begin = kept.replay_from
    log.put(ledger(MONDAY + 20 * MINUTE, stamp=6, source=B))
    log.put(ledger(MONDAY + 20 * MINUTE, stamp=7, source=A))
    run(log.records[begin:], kept)
    run(log.records[begin:], kept)
    log.put(ledger(MONDAY + 30 * MINUTE, stamp=8, source=B))
    log.put(ledger(MONDAY + 30 * MINUTE, stamp=9, source=A))
    run(log.records[-2:], kept)

    whole = Evaluation("whole")
    run(log.records, whole)
    assert _orders(kept) == _orders(whole) == {"1h": 8.0, "day": 8.0}
    assert kept.frontier_ms == whole.frontier_ms
