"""The vocabulary: names, durations, measures, scopes, errors."""

import pytest
from pydantic import ValidationError

from schemas.base import Model, Text, scope_of, scope_text
from schemas.catalogue import Catalogue, Installation
from schemas.errors import CatalogueError, ChannelError, PlanwatchError
from schemas.kpi import Measure, Range
from schemas.period import HOUR_MS, Span, parse_span
from schemas.records import Transition
from schemas.rule import Rule
from schemas.target import Target
from schemas.tier import Tier

RULE = {
    "id": "revenue_down",
    "title": {"en": "Revenue down", "zh": "销售额下降"},
    "kpi": "revenue",
    "window": "1h",
    "expect": {"from": "previous", "ago": "7d"},
    "bad": "below",
    "scopes": [[]],
    "ladder": {"red": {"enter": 0.8, "exit": 0.85, "hold": "10m"}},
    "tests": [{"name": "t", "given": {"gross": 1}, "expect": ["red"]}],
}


@pytest.mark.parametrize(
    "scope",
    [{}, {"region": "East"}, {"b": "2", "a": "1"}, {"region": "a=b,c%d"}, {"region": "%2C", "channel": "="}],
    ids=["company", "one", "two", "hostile", "escaped already"],
)
def test_a_scope_is_read_back_from_its_line(scope: dict[str, str]) -> None:
    assert scope_of(scope_text(scope)) == scope


def test_a_scopes_line_does_not_depend_on_order() -> None:
    assert scope_text({"b": "2", "a": "1"}) == scope_text({"a": "1", "b": "2"}) == "a=1,b=2"


def test_a_text_is_given_in_either_language() -> None:
    text = Text(en="Revenue", zh="销售额")
    assert (text.get("en"), text.get("zh")) == ("Revenue", "销售额")


def test_a_model_refuses_a_field_it_does_not_know() -> None:
    class Small(Model):
        a: int

    with pytest.raises(ValidationError, match="Extra inputs"):
        Small.model_validate({"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("written", "ms", "working", "said"),
    [
        ("0m", 0, False, "0m"),
        ("250ms", 250, False, "250ms"),
        ("90s", 90_000, False, "90s"),
        ("90m", 90 * 60_000, False, "90m"),
        ("24h", 24 * HOUR_MS, False, "1d"),
        ("14d", 14 * 24 * HOUR_MS, False, "2w"),
        ("8wh", 8 * HOUR_MS, True, "8wh"),
    ],
)
def test_a_duration_is_read_and_said(written: str, ms: int, working: bool, said: str) -> None:
    span = parse_span(written)
    assert (span, str(span)) == (Span(ms=ms, working=working), said)
    assert parse_span(span) is span
    assert parse_span({"ms": ms, "working": working}) == span


@pytest.mark.parametrize("written", ["", "5", "m", "-5m", "5 m", "5min", "1.5h", "五分"])
def test_what_is_no_duration_is_refused_with_what_is_possible(written: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write a number and ms, s, m, h, d, w or wh"):
        parse_span(written)


@pytest.mark.parametrize(
    ("measure", "key", "how", "field"),
    [
        ({"event": "order", "count": True}, "order.count", "count", None),
        ({"event": "order", "sum": "amount"}, "order.sum.amount", "sum", "amount"),
        ({"event": ["refund", "order"], "max": "delay"}, "order+refund.max.delay", "max", "delay"),
        ({"event": "review", "min": "rating"}, "review.min.rating", "min", "rating"),
        ({"event": "order", "count": True, "where": {"line": 1}}, "order.count[line=1]", "count", None),
        (
            {"event": "review", "count": True, "where": {"rating": {"max": 2}, "label": ["b", "a"]}},
            "review.count[label=a|b,rating=..2]",
            "count",
            None,
        ),
        (
            {"event": "survey", "count": True, "where": {"score": {"min": 9}}},
            "survey.count[score=9..]",
            "count",
            None,
        ),
    ],
    ids=str,
)
def test_a_measures_key_says_what_it_is(measure: dict, key: str, how: str, field: str | None) -> None:
    found = Measure.model_validate(measure)
    assert (found.key, found.how, found.field) == (key, how, field)


def test_a_range_may_be_open_at_either_end() -> None:
    assert (Range(max=2).min, Range(min=9).max) == (None, None)


@pytest.mark.parametrize("extra", [{}, {"sum": "amount", "count": True}], ids=["none", "two"])
def test_a_measure_has_exactly_one_quantity(extra: dict) -> None:
    with pytest.raises(ValidationError, match="exactly one of count, sum, min, max"):
        Measure.model_validate({"event": "order", **extra})


@pytest.mark.parametrize(
    ("bad", "enter", "leave", "fits"),
    [
        ("below", 0.8, 0.85, True),
        ("below", 0.8, 0.8, True),
        ("below", 0.8, 0.7, False),
        ("above", 5, 4, True),
        ("above", 5, 6, False),
        ("outside", 0.05, 0.04, True),
        ("outside", 0.05, 0.06, False),
    ],
)
def test_a_rungs_exit_lies_on_the_milder_side(bad: str, enter: float, leave: float, fits: bool) -> None:
    rung = {"red": {"enter": enter, "exit": leave, "hold": "0m"}}
    data = {**RULE, "bad": bad, "ladder": rung}
    if fits:
        assert Rule.model_validate(data).ladder["red"].exit == leave
    else:
        with pytest.raises(ValidationError, match=r"ladder\.red: exit .* must lie"):
            Rule.model_validate(data)


def test_a_rule_without_a_test_is_refused() -> None:
    with pytest.raises(ValidationError, match="tests"):
        Rule.model_validate({**RULE, "tests": []})


def catalogue(**changes: object) -> Catalogue:
    tiers = [
        Tier.model_validate(
            {
                "id": name,
                "title": RULE["title"],
                "colour": "#00ff00",
                "meaning": RULE["title"],
                "decides": RULE["title"],
            }
        )
        for name in ("blue", "red")
    ]
    installation = Installation.model_validate(
        {"title": RULE["title"], "currency": "CNY", "time_zone": "Asia/Shanghai", **changes}
    )
    dimensions = [{"id": "region", "title": RULE["title"]}]
    return Catalogue.model_validate(
        {"installation": installation, "dimensions": dimensions, "tiers": tiers, "kpis": {}, "rules": {}}
    )


def test_a_catalogues_version_follows_its_content() -> None:
    assert catalogue().version == catalogue().version != catalogue(currency="USD").version
    assert len(catalogue().version) == 12


def test_a_catalogue_ranks_its_tiers_from_none() -> None:
    assert [catalogue().rank(tier) for tier in ("none", "blue", "red")] == [0, 1, 2]
    assert catalogue().dimension_names == ("region",)


def test_a_catalogue_is_read_back_from_its_record() -> None:
    written = catalogue().model_dump_json(by_alias=True)
    assert Catalogue.model_validate_json(written) == catalogue()


def test_a_target_is_of_the_company_unless_it_says_otherwise() -> None:
    assert Target(kpi="revenue", grain="month", period="2026-07", value=1.0).scope == {}


def test_a_transitions_id_names_rule_scope_tier_and_pane_end() -> None:
    transition = Transition(
        rule="r", scope={"region": "East"}, tier="red", previous="orange", cause="worse", end_ms=60_000,
        kpi="revenue", window="1h", value=1.0, expected=2.0, departure=0.5, threshold=0.8, since_ms=0,
        catalogue="v",
    )  # fmt: skip
    assert transition.id == "r|region=East|red|60000"


def test_an_error_says_what_and_the_remedy_in_one_line() -> None:
    assert str(PlanwatchError("x is wrong", remedy="do y")) == "x is wrong — do y"
    assert str(PlanwatchError("x is wrong")) == "x is wrong"


def test_a_catalogue_error_holds_every_problem() -> None:
    error = CatalogueError(["a:1:1: one", "b:2:2: two"])
    assert (error.problems, str(error), error.exit_code) == (
        ["a:1:1: one", "b:2:2: two"],
        "a:1:1: one\nb:2:2: two",
        3,
    )


def test_a_channel_error_says_whether_to_try_again() -> None:
    error = ChannelError("busy", retry=True, after_s=3.0)
    assert (error.retry, error.after_s) == (True, 3.0)
