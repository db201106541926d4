"""The fold as its owner uses it: in pieces, committed, restored, refused."""

import pytest

from schemas.errors import StateError
from streams.engine.evaluate import Evaluation
from streams.engine.rows import VersionedRows
from tests.evaluate_builders import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    constant,
    page,
    restart,
    rule,
    run,
    rung,
    told,
)  # fmt: skip

T = MONDAY + 9 * HOUR
EAST = ("East", "web")
HIGH = rule("high", compare="value", bad="above", window="5m", expect=constant(0), ladder={"red": rung(5, 3)})


def busy() -> CellsLog:
    """Ten minutes of orders, closed by one ledger at the end."""
    log = CellsLog(catalogue([HIGH]))
    for minute in range(10):
        log.add({EAST: {"order.count": 9}}, T + minute * MINUTE)
    log.reach(T + DAY)
    return log


def test_a_fold_before_its_first_record_knows_nothing() -> None:
    fold = Evaluation("a")
    assert (fold.version, fold.replay_from, fold.frontier_ms, fold.catalogue) == (-1, 0, None, None)
    assert (list(fold.tiers()), list(fold.figures_now()), list(fold.verdicts_now())) == ([], [], [])
    assert fold.ledgers == {}
    heir = restart([fold.commit()[1]])
    assert (heir.version, heir.replay_from) == (-1, 0)


def test_a_fold_may_be_left_at_any_outcome_and_goes_on_there() -> None:
    log, whole = busy(), Evaluation("a")
    in_pieces = Evaluation("b")
    for record in log.records:
        in_pieces.fold(*record)
    found = []
    while True:
        outcome = next(in_pieces.advance(), None)
        if outcome is None:
            break
        found.append(outcome)
    assert told(found) == told(run(log.records, whole))
    assert [outcome.end_ms for outcome in found] == [outcome.end_ms for outcome in run(log.records)]


def test_a_commit_within_a_record_is_refused() -> None:
    log, fold = busy(), Evaluation("a")
    for record in log.records:
        fold.fold(*record)
    outcomes = fold.advance()
    next(outcomes)
    while fold.settled:
        next(outcomes)
    with pytest.raises(StateError, match="in the middle of a record"):
        fold.commit()
    list(outcomes)
    assert fold.settled
    assert fold.commit()


def test_what_still_waits_is_read_again_after_a_restart() -> None:
    log, fold = CellsLog(catalogue([HIGH])), Evaluation("a")
    log.add({EAST: {"order.count": 9}}, T)
    log.reach(T + 30_000)
    run(log.records, fold)
    assert fold.replay_from == 2
    rows, commit = fold.commit()
    heir = restart([*rows, commit])
    assert (heir.version, heir.replay_from) == (3, 2)
    log.reach(T + MINUTE)
    run(log.records[2:], heir)
    assert [
        figure.value for figure in heir.figures_now() if figure.window == "day" and figure.kpi == "orders"
    ] == [9.0, 9.0]
    assert heir.replay_from == 5


@pytest.mark.parametrize(
    "value",
    [b"", b"{}", b"nonsense", b'{"type":"page","key":[]}', b'{"type":"ledger"}', b'{"type":"unheard"}'],
)
def test_a_record_that_cannot_be_read_is_a_state_error(value: bytes) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        Evaluation("a").fold(7, 0, value)


def test_a_page_of_a_layout_that_nobody_declared_is_a_state_error() -> None:
    log, other = CellsLog(catalogue([HIGH])), CellsLog(catalogue(dimensions=[{"id": "store"}]))
    log.put(page(other.layout, {("S1",): {"order.count": 1}}, T, stamp=1))
    log.reach(T + MINUTE)
    with pytest.raises(StateError, match="which nobody declared"):
        run(log.records)


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"nonsense"])
def test_a_commit_that_cannot_be_read_is_a_state_error(body: bytes) -> None:
    rows = VersionedRows(b"a")
    commit = rows.commit(body, 5)
    with pytest.raises(StateError, match="stored state cannot be read"):
        restart([commit])


def test_old_rows_are_let_go_and_the_state_does_not_grow() -> None:
    log, fold = CellsLog(catalogue([HIGH])), Evaluation("a")
    stored: dict[bytes, bytes] = {}
    sizes = []
    for day in range(40):
        begin = len(log.records)
        for hour in range(0, 24, 6):
            log.add({EAST: {"order.count": 1}}, T + day * DAY + hour * HOUR)
        log.reach(T + (day + 1) * DAY)
        run(log.records[begin:] if day else log.records, fold)
        rows, commit = fold.commit()
        stored.update([*rows, commit])
        for key, _ in fold.confirmed():
            del stored[key]
        sizes.append(len([key for key in stored if key.startswith((b"cells|m", b"cells|h"))]))
    assert max(sizes[20:]) == max(sizes[12:20])
    heir = restart(list(stored.items()))
    assert list(heir.figures_now()) == list(fold.figures_now())


def test_pages_of_no_cells_are_taken() -> None:
    log = CellsLog(catalogue([HIGH]))
    log.add({}, T)
    log.reach(T + MINUTE)
    fold = Evaluation("a")
    assert [len(outcome.figures) for outcome in run(log.records, fold)] == [0, 0]
    assert fold.frontier_ms == T + MINUTE
