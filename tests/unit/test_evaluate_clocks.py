"""The clocks of tiers: what falls due, and what no longer does although a clock was set for it."""

from typing import Any

from streams.engine.evaluate.columns import Columns
from streams.engine.evaluate.plans import make_plans
from streams.engine.evaluate.tiers import RuleTiers
from tests.evaluate_builders import MONDAY, catalogue, kpi, rule, rung

MINUTE = 60_000


def tiers(**changes: Any) -> RuleTiers:
    """The tiers of one rule with a hold of ten minutes."""
    one = rule("few", **{"ladder": {"red": rung(0.5, 0.6, "10m")}, **changes})
    columns = Columns()
    columns.add("order.count", "count", 1)
    return RuleTiers(make_plans(catalogue([one], [kpi("orders")]), columns).rules["few"])


def test_a_hold_that_was_broken_off_falls_due_no_more() -> None:
    found = tiers()
    found.judge(0, 0.1, MONDAY)
    assert found.next_due(MONDAY + 60 * MINUTE) == MONDAY + 10 * MINUTE
    found.judge(0, 0.9, MONDAY + MINUTE)
    assert found.next_due(MONDAY + 60 * MINUTE) is None
    assert not found.may_be_due(MONDAY + 60 * MINUTE)


def test_a_later_time_is_set_anew_where_an_earlier_one_was_broken_off() -> None:
    found = tiers(quiet={"tier": "red", "after": "30m"})
    found.hear([0], MONDAY)
    found.judge(0, 0.1, MONDAY)
    assert found.next_due(MONDAY + 60 * MINUTE) == MONDAY + 10 * MINUTE
    found.judge(0, 0.9, MONDAY + MINUTE)
    assert found.next_due(MONDAY + 60 * MINUTE) == MONDAY + 30 * MINUTE
    held, turned = found.fell_due(MONDAY + 30 * MINUTE)
    assert (held, list(turned)) == ([], [0])
