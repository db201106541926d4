"""The catalogue that ships: every KPI and rule of it, one by one, on the engine that judges live events."""

import re

import pytest

from schemas.base import Text
from schemas.catalogue import Catalogue
from schemas.rule import Rule
from schemas.tier import Tier
from streams.catalogue import default_folder, load_catalogue
from streams.engine.ruletest import run_rule_test

CATALOGUE: Catalogue = load_catalogue(default_folder())
RULES = list(CATALOGUE.rules.values())
#: those that an installation is promised
PROMISED = """
revenue gross_sales orders order_lines units average_order_value refund_ratio click_ratio conversion_ratio
discount_ratio bad_review_ratio mean_rating reviews complaints_per_100_orders net_promoter_score
mean_sentiment negative_mention_ratio replies_within_24h sales_delay feedback_delay sentiment_delay
"""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_passes_its_own_tests(rule: Rule) -> None:
    results = [run_rule_test(CATALOGUE, rule, test) for test in rule.tests]
    assert [(one.test, one.problem, one.tiers) for one in results] == [
        (test.name, "", test.expect) for test in rule.tests
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_shows_by_test_when_it_speaks_and_when_it_is_quiet(rule: Rule) -> None:
    assert any(test.expect for test in rule.tests)
    assert any(not test.expect for test in rule.tests)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.on == "close"], ids=lambda rule: rule.id)
def test_rule_that_may_wait_holds_and_does_not_flutter(rule: Rule) -> None:
    assert all(rung.exit != rung.enter for rung in rule.ladder.values())
    if not rule.kpi.endswith("_delay"):
        assert all(rung.hold.ms >= 10 * 60_000 for rung in rule.ladder.values())


def test_default_catalogue_has_the_kpis_of_an_installation() -> None:
    assert set(PROMISED.split()) <= set(CATALOGUE.kpis)


def test_default_catalogue_watches_every_kind_of_departure() -> None:
    assert {rule.compare for rule in RULES} == {"ratio", "difference", "value"}
    assert {rule.bad for rule in RULES} == {"below", "above", "outside"}
    assert {rule.id for rule in RULES if rule.on == "update"} == {"bad_review_burst", "one_star_review"}
    assert [rule.id for rule in RULES if rule.quiet] == ["region_quiet"]
    assert [rule.id for rule in RULES if rule.state == "shadow"] == ["rating_falling"]


def test_one_star_review_reaches_somebody_at_once() -> None:
    rule = CATALOGUE.rules["one_star_review"]
    tiers = {
        tier for route in CATALOGUE.routes for tier in route.tiers if not route.rules and not route.scope
    }
    assert set(rule.ladder) <= tiers


def _clocks(tier: Tier) -> tuple[str, ...]:
    return tuple(str(clock or "–") for clock in (tier.acknowledge, tier.escalate, tier.solve, tier.report))


def test_tiers_carry_the_clocks_of_the_plan() -> None:
    assert {tier.id: _clocks(tier) for tier in CATALOGUE.tiers} == {
        "blue": ("–", "–", "–", "–"),
        "yellow": ("8wh", "1d", "3d", "–"),
        "orange": ("2h", "8h", "2d", "3d"),
        "red": ("30m", "2h", "1d", "2d"),
    }
    assert CATALOGUE.ladder == ("blue", "yellow", "orange", "red")


def _texts() -> list[tuple[str, Text]]:
    kpis = [(kpi.id, text) for kpi in CATALOGUE.kpis.values() for text in (kpi.title, kpi.note) if text]
    rules = [(rule.id, text) for rule in RULES for text in (rule.title, rule.advice) if text]
    tiers = [(tier.id, text) for tier in CATALOGUE.tiers for text in (tier.title, tier.meaning, tier.decides)]
    return kpis + rules + tiers


@pytest.mark.parametrize(
    ("owner", "text"), _texts(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_text_is_in_both_languages(owner: str, text: Text) -> None:
    assert re.search(r"[\u4e00-\u9fff]", text.zh), owner
    assert not re.search(r"[\u4e00-\u9fff]", text.en), owner
