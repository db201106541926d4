"""What was set aside stays so, with its tiers, over restarts, until the next catalogue; and is said so."""

from typing import Any

import pytest

from schemas.catalogue import Catalogue
from schemas.records import CatalogueRecord
from streams.decisions.formula import Formula
from streams.decisions.tier import TierState
from streams.engine.evaluate import Evaluation, Outcome, Problem
from streams.engine.evaluate.packing import pack_tier, tier_key
from streams.engine.rows import VersionedRows
from tests.evaluate_builders import (
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    constant,
    figures,
    restart,
    rule,
    run,
    rung,
    told,
)

T = MONDAY + 9 * HOUR
MANY = rule(
    "many",
    compare="value",
    bad="above",
    expect=constant(0),
    ladder={"yellow": rung(4, 3), "red": rung(10, 8)},
    quiet={"after": "3h", "tier": "red"},
)
SOLD = rule("sold", kpi="revenue", compare="value", bad="above", ladder={"red": rung(90, 80)})
TEXT = "ValueError: wrong"
YELLOW = ("many", {"region": "East"}, "yellow", T + MINUTE)


class Broken:
    """A fold whose rule `many` is yellow in the East; then its formula raises in the pane that follows."""

    def __init__(self) -> None:
        self.log, self.fold = CellsLog(catalogue([MANY, SOLD])), Evaluation("test")
        self.log.add({("East", "web"): {"order.count": 1}}, T - 2 * HOUR)
        self.log.reach(T - HOUR)
        self.log.add({("East", "web"): {"order.count": 5}}, T)
        self.log.reach(T + MINUTE)
        run(self.log.records, self.fold)
        self.break_formula()
        self.outcomes = self.go_on(T + 2 * MINUTE, 9)

    def break_formula(self) -> None:
        def compute(columns: object) -> Any:
            raise ValueError("wrong")

        assert self.fold._state.closing is not None
        self.fold._state.closing.plans.kpis["orders"].formula = Formula("o", ("orders",), True, compute)

    def go_on(self, to_ms: int, orders: int, channels: tuple[str, ...] = ("web",)) -> list[Outcome]:
        begin = len(self.log.records)
        cells = {("East", channel): {"order.count": orders} for channel in channels}
        self.log.add(cells, to_ms - MINUTE)
        self.log.reach(to_ms)
        return run(self.log.records[begin:], self.fold)

    def restart(self) -> None:
        """Go on as the heir of a commit, whose formulas are whole."""
        rows, commit = self.fold.commit()
        self.fold = restart([*rows, commit])

    def change(self, to: Catalogue) -> list[Outcome]:
        begin = len(self.log.records)
        self.log.put(CatalogueRecord(catalogue=to).model_dump_json(by_alias=True).encode())
        return run(self.log.records[begin:], self.fold)


@pytest.mark.parametrize("restarts", [False, True], ids=["living on", "restarted"])
def test_rule_that_was_set_aside_keeps_its_tier_and_is_not_judged(restarts: bool) -> None:
    broken = Broken()
    assert Problem("rule", "many", TEXT) in broken.outcomes[0].problems
    if restarts:
        broken.restart()
    assert broken.fold.problems() == [Problem("kpi", "orders", TEXT), Problem("rule", "many", TEXT)]
    later = [*broken.go_on(T + 3 * MINUTE, 9), *broken.go_on(T + 9 * HOUR, 1)]
    assert told(later) == []
    assert "orders" not in {name for name, *_ in figures(later)}
    assert list(broken.fold.tiers()) == [YELLOW]


@pytest.mark.parametrize("restarts", [False, True], ids=["living on", "restarted"])
def test_rule_that_was_set_aside_goes_on_from_its_tier_under_the_next_catalogue(restarts: bool) -> None:
    broken = Broken()
    if restarts:
        broken.restart()
    [change] = broken.change(catalogue([MANY, SOLD], live=True, title={"en": "new", "zh": "new"}))
    assert (change.transitions, change.problems) == ([], [])
    assert change.mended == [Problem("kpi", "orders", TEXT), Problem("rule", "many", TEXT)]
    assert list(broken.fold.tiers()) == [YELLOW]
    assert told(broken.go_on(T + 3 * MINUTE, 1)) == [("many", "East", "red", T + 3 * MINUTE)]


def test_rule_that_was_set_aside_and_is_gone_ends_its_tiers() -> None:
    broken = Broken()
    [change] = broken.change(catalogue([SOLD]))
    assert [(move.tier, move.cause) for move in change.transitions] == [("none", "removed")]


def test_scope_whose_drivers_raise_moves_wholly_or_not_at_all() -> None:
    #  the formula holds for the sums and raises for the parts: the tier must not be moved without its words
    broken = Broken()
    broken.change(catalogue([MANY, SOLD], title={"en": "new", "zh": "new"}))
    closing = broken.fold._state.closing
    assert closing is not None
    whole, calls = closing.plans.kpis["orders"].formula, []

    def compute(columns: Any) -> Any:
        calls.append(columns)
        if len(calls) > 1:
            raise ValueError("wrong")
        return whole.compute(columns)

    closing.plans.kpis["orders"].formula = Formula("o", ("orders",), True, compute)
    outcomes = broken.go_on(T + 3 * MINUTE, 9, ("web", "shop"))
    assert told(outcomes) == []
    assert [problem for outcome in outcomes for problem in outcome.problems] == [
        Problem("rule", "many", TEXT)
    ]
    assert list(broken.fold.tiers()) == [YELLOW]


def test_whoever_looks_sets_nothing_aside() -> None:
    broken = Broken()
    broken.change(catalogue([MANY, SOLD], title={"en": "new", "zh": "new"}))
    broken.break_formula()
    shown = {figure.kpi for figure in broken.fold.figures_now()}
    assert "orders" not in shown
    assert [rule for rule, *_ in broken.fold.verdicts_now()] == ["sold"]
    assert broken.fold.problems() == []


@pytest.mark.parametrize(
    "scope",
    [(("region", "East"), ("store", "S1")), (("channel", "web"),), (("region", "East"), ("channel", "web"))],
    ids=["dimension that is no more", "grouping of no rule", "grouping of another"],
)
def test_stored_tier_of_a_scope_that_is_no_more_is_left_with_the_cause_removed(scope: Any) -> None:
    broken = Broken()
    rows, commit = broken.fold.commit()
    version = broken.fold.version
    old = VersionedRows(b"test")
    state = TierState(level=2, shown=2, pending=(None, None), since_ms=T)
    stored = [*rows, old.put(tier_key("many", scope), pack_tier(state), version)]
    stored.append(old.put(b"heard|sold", b'{"store=S1":%d}' % T, version))
    heir = restart([*stored, commit])
    left = [transition for outcome in heir.advance() for transition in outcome.transitions]
    assert [(one.scope, one.previous, one.tier, one.cause, one.end_ms) for one in left] == [
        (dict(scope), "red", "yellow", "removed", T + 2 * MINUTE),
        (dict(scope), "yellow", "none", "removed", T + 2 * MINUTE),
    ]
    assert list(heir.tiers()) == [YELLOW]
    broken.log.reach(T + 2 * MINUTE)
    run(broken.log.records[-1:], heir)
    more, commit = heir.commit()
    again = restart([*stored, *more, commit])
    assert list(again.advance()) == []
