"""A KPI or a rule that raises while events flow: it is set aside with its problem, the rest goes on."""

from typing import Any

import pytest

from schemas.records import CatalogueRecord, Ledger, Roster
from streams.cells.layout import layout_of
from streams.cells.page import decode_page
from streams.decisions.formula import Formula
from streams.engine.evaluate import Outcome, Problem
from streams.engine.evaluate.state import State
from tests.evaluate_builders import HOUR, MINUTE, MONDAY, catalogue, constant, figures, page, rule, rung, told

T = MONDAY + 9 * HOUR
BAD: dict[str, Any] = {
    "compare": "value",
    "bad": "above",
    "expect": constant(0),
    "ladder": {"red": rung(3, 2)},
}
RULES = [
    rule("burst", on="update", **BAD),
    rule("quiet", **BAD, quiet={"after": "2h", "tier": "yellow"}),
    rule("sold", **{**BAD, "kpi": "revenue", "window": "5m"}),
]


class Breaking:
    """A fold in which the formula of `orders` can be made to raise, as no formula that is checked does."""

    def __init__(self) -> None:
        self.whole = catalogue(RULES)
        self.state = State()
        self.stamp = 0
        list(self.state.take(CatalogueRecord(catalogue=self.whole), MONDAY))
        list(self.state.take(Roster(partitions={"sales": 1}), MONDAY))

    def break_with(self, error: Exception) -> None:
        def compute(columns: object) -> Any:
            raise error

        assert self.state.closing is not None
        self.state.closing.plans.kpis["orders"].formula = Formula("orders", ("orders",), True, compute)

    def go_on(self, start: int, orders: int, timestamp_ms: int) -> list[Outcome]:
        """A page of one minute and its close."""
        self.stamp += 1
        cells = {("East", "web"): {"order.count": orders, "order.sum.amount": 100 * orders}}
        taken = decode_page(page(layout_of(self.whole), cells, start, stamp=self.stamp))
        early = self.state.take_page(taken, self.stamp, timestamp_ms)
        ledger = Ledger(topic="sales", partition=0, stamp=self.stamp, watermark_ms=start + MINUTE)
        return [*early, *(found for found in self.state.take(ledger, timestamp_ms) if found is not None)]


def warm() -> Breaking:
    """A fold that has judged everything up to T."""
    fold = Breaking()
    fold.go_on(T - 2 * HOUR, 1, T + HOUR)
    fold.go_on(T - MINUTE, 1, T + HOUR)
    return fold


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ZeroDivisionError("none"), "ZeroDivisionError: none"),
        (KeyError("units"), "KeyError: 'units'"),
        (TypeError("not a column"), "TypeError: not a column"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_raises_is_set_aside_with_its_problem_and_the_rest_goes_on(error: Exception, text: str) -> None:
    fold = warm()
    fold.break_with(error)
    outcomes = fold.go_on(T, 4, T + HOUR)
    assert [problem for outcome in outcomes for problem in outcome.problems] == [
        Problem("rule", "burst", text),
        Problem("rule", "quiet", text),
        Problem("kpi", "orders", text),
    ]
    assert told(outcomes) == [("sold", "East", "red", T + MINUTE)]
    written = figures(outcomes)
    assert written["revenue", "1h", "East", T + MINUTE] == 5
    assert {name for name, *_ in written} == {"revenue"}


def test_what_was_set_aside_is_told_and_heard_no_more() -> None:
    fold = warm()
    fold.break_with(ValueError("wrong"))
    fold.go_on(T, 4, T + HOUR)
    # the record is as young as its pane, so that a rule on update would be told at once
    again = fold.go_on(T + MINUTE, 9, T + MINUTE)
    assert [outcome.problems for outcome in again] == [[] for _ in again]
    assert told(again) == []
    assert told(fold.go_on(T + 5 * HOUR, 4, T + 5 * HOUR)) == [
        ("sold", "East", "none", T + 7 * MINUTE),
        ("sold", "East", "red", T + 5 * HOUR + MINUTE),
    ]


def test_what_was_set_aside_is_in_force_again_under_the_next_catalogue() -> None:
    fold = warm()
    fold.break_with(ValueError("wrong"))
    fold.go_on(T, 4, T + HOUR)
    list(fold.state.take(CatalogueRecord(catalogue=fold.whole), T + HOUR))
    outcomes = fold.go_on(T + MINUTE, 9, T + HOUR)
    assert [outcome.problems for outcome in outcomes] == [[]]
    assert [entry[:3] for entry in told(outcomes)] == [
        ("burst", "East", "red"),
        ("quiet", "East", "yellow"),
        ("quiet", "East", "red"),
    ]
    assert figures(outcomes)["orders", "1h", "East", T + 2 * MINUTE] == 14


def test_problem_says_what_is_set_aside_and_why() -> None:
    assert str(Problem("rule", "late", "no such tier")) == "rule late is set aside: no such tier"
