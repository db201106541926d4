"""A pane that closes in steps: what is handed over, what is seen meanwhile, what may be committed.

record ──step──step──step── pane end ──step── … ── settled
         └ half closed ┘               └ half closed ┘
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from schemas.errors import StateError
from streams.engine.evaluate import Evaluation, columns, scopes
from streams.engine.evaluate.columns import Columns, Table, fold_rows, folding
from streams.engine.evaluate.scopes import Leaves, Scopes
from streams.engine.evaluate.steps import at_once
from streams.engine.figures import Figure, FigureBlock, Figures
from tests.evaluate_builders import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    constant,
    previous,
    restart,
    rule,
    run,
    rung,
    told,
)

T = MONDAY + 9 * HOUR
HIGH = rule("high", compare="value", bad="above", window="5m", expect=constant(0), ladder={"red": rung(5, 3)})
LESS = rule("less", expect=previous("1h"), scopes=[[], ["region"]])
QUIET = rule("quiet", ladder={"red": rung(-1, 0)}, quiet={"after": "20m", "tier": "red"})


def busy() -> CellsLog:
    """Two hours in which two regions take turns, then one of them alone."""
    log = CellsLog(catalogue([HIGH, LESS, QUIET]))
    for minute in range(0, 120, 5):
        region = "West" if minute % 10 and minute < 60 else "East"
        cell = {"order.count": 1 + minute % 9, "order.max.delay": 100 - minute}
        log.add({(region, "web"): cell}, T + minute * MINUTE)
        log.reach(T + (minute + 1) * MINUTE)
    log.reach(T + DAY)
    return log


def seen(fold: Evaluation) -> tuple[list[Any], ...]:
    """Everything that a page shows of a fold."""
    figures = sorted(fold.figures_now())
    return figures, sorted(fold.verdicts_now()), list(fold.tiers()), [fold.frontier_ms]


def stepped(log: CellsLog, fold: Evaluation) -> Iterator[Any]:
    """The steps of a log, one record at a time."""
    for record in log.records:
        fold.fold(*record)
        yield from fold.steps()


def test_steps_hand_over_what_one_go_hands_over() -> None:
    log = busy()
    outcomes = [outcome for outcome in stepped(log, Evaluation("a")) if outcome is not None]
    whole = run(log.records)
    assert told(outcomes) == told(whole)
    assert [(o.end_ms, list(o.figures)) for o in outcomes] == [(o.end_ms, list(o.figures)) for o in whole]


def test_whoever_looks_between_two_steps_sees_whole_panes_and_changes_nothing() -> None:
    log, whole, fold = busy(), Evaluation("whole"), Evaluation("looked at")
    at_rest: dict[int | None, tuple[list[Any], ...]] = {}
    for outcome in stepped(log, whole):
        if outcome is None and not whole._state.is_closing:
            at_rest[whole.frontier_ms] = seen(whole)
    outcomes = []
    for outcome in stepped(log, fold):
        outcomes += [] if outcome is None else [outcome]
        assert seen(fold) == at_rest.get(fold.frontier_ms, seen(fold))
    assert told(outcomes) == told(run(log.records))


def test_nothing_is_committed_between_two_steps() -> None:
    log, fold = busy(), Evaluation("a")
    refused = 0
    for _ in stepped(log, fold):
        if not fold.settled:
            refused += 1
            with pytest.raises(StateError, match="in the middle of a record"):
                fold.commit()
    assert refused > 100
    assert fold.settled
    rows, commit = fold.commit()
    assert seen(restart([*rows, commit])) == seen(fold)


def test_what_waits_because_somebody_looked_is_not_lost_when_the_steps_are_left() -> None:
    log, fold = busy(), Evaluation("a")
    outcomes = []
    for record in log.records:
        fold.fold(*record)
        while not fold.settled or fold._log:
            step = next(fold.steps(), None)
            list(fold.figures_now())
            outcomes += [] if step is None else [step]
    assert told(outcomes) == told(run(log.records))


def test_a_step_that_raises_leaves_a_fold_that_never_settles() -> None:
    log, fold = busy(), Evaluation("a")
    run(log.records[:-1], fold)
    closing = fold._state.closing
    assert closing is not None

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    closing.store.prune = broken  # type: ignore[assignment]
    fold.fold(*log.records[-1])
    with pytest.raises(RuntimeError, match="broken"):
        list(fold.steps())
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            fold.figures_now()
    assert not fold.settled


def test_long_tables_merged_in_steps_are_what_they_are_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_SLICE", 7)
    found = Columns()
    for key, how in (("n", "count"), ("least", "min"), ("most", "max")):
        found.add(key, how, 1)
    random = np.random.default_rng(3)
    tables = []
    for size in (40, 3, 25):
        rows = np.sort(random.choice(60, size, replace=False)).astype(np.int64)
        tables.append(Table(rows, random.integers(0, 99, (size, 3))))
    whole = fold_rows(
        np.concatenate([table.rows for table in tables]), np.concatenate([t.values for t in tables]), found
    )
    steps = folding(tables, found)
    assert next(steps) is None
    merged = at_once(folding(tables, found))
    assert merged.rows.tolist() == whole.rows.tolist()
    assert merged.values.tolist() == whole.values.tolist()


def test_many_leaves_are_rolled_up_in_steps_to_the_same_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Columns()
    found.add("n", "count", 1)
    dimensions = catalogue([]).dimensions

    def rolled() -> tuple[list[Any], list[Any]]:
        leaves = Leaves(dimensions)
        made = Scopes(leaves, [(), ("region",), ("region", "channel")])
        rows = leaves.number([(f"r{at % 7}", f"c{at}") for at in range(30)])
        made.grow()
        table = made.roll_up(Table(np.sort(rows), np.arange(30).reshape(-1, 1)), found)
        return [made.items[row] for row in table.rows.tolist()], table.values.tolist()

    together = rolled()
    for name, size in (("_TOGETHER", 3), ("_SLICE", 4), ("_STRANGERS", 5)):
        monkeypatch.setattr(scopes, name, size)
    assert rolled() == together


def test_figures_in_parts_are_the_same_figures() -> None:
    labels = [("1h", "company", ())]

    def block(name: str, size: int, expected: Any = None) -> FigureBlock:
        return FigureBlock(name, T, labels, np.zeros(size, dtype=np.int64), np.arange(float(size)), expected)

    whole = Figures(
        [block("a", 2), block("b", 9, np.arange(9.0)), block("c", 3), block("d", 1), block("e", 4)]
    )
    parts = list(whole.parts(4))
    assert [len(part) for part in parts] == [2, 4, 4, 1, 4, 4]
    found: list[Figure] = [figure for part in parts for figure in part]
    assert found == list(whole)
    assert list(Figures().parts(4)) == []
