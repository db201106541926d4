"""What a card says: each line in both languages, numbers as people write them."""

from typing import Any

import pytest

from schemas.base import Scope
from schemas.incident import Incident, Obligation, Recipient
from schemas.kpi import Kpi
from schemas.records import Driver
from streams.decisions.card import RESOLVED_COLOUR, View, compose, plain_card
from streams.decisions.incident import Change, open_incident
from streams.decisions.wording import (
    clean,
    length,
    moment,
    number,
    part,
    percent,
    quantity,
    scope_words,
    signed,
    values_words,
)
from tests.respond_builders import HOUR, MINUTE, T0, catalogue, installation, rule, text, transition

EAST = {"region": "East"}


def incident(scope: Scope | None = None, **changes: Any) -> Incident:
    return open_incident(transition("red", "orange", scope=scope, **changes), T0)


def view(one: Incident, change: Change = Change.OPENED, **parts: Any) -> View:
    return View(parts.pop("catalogue", catalogue()), one, change, T0, **parts)


def lines(made: View) -> tuple[dict[str, str], dict[str, str]]:
    return dict(compose(made, "en").lines), dict(compose(made, "zh").lines)


def kpi(**changes: Any) -> dict[str, Kpi]:
    return {"revenue": Kpi.model_validate({**catalogue().kpis["revenue"].model_dump(), **changes})}


# --- wording -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "english", "chinese"),
    [
        (412_300.0, "CNY", "¥412,300", "¥412,300"),
        (-999.5, "CNY", "−¥999.50", "−¥999.50"),
        (0.0, "EUR", "€0.00", "€0.00"),
        (12.0, "CHF", "CHF 12.00", "CHF 12.00"),
        (0.0815, "ratio", "8.2 %", "8.2%"),
        (1234.0, "orders", "1,234 orders", "1,234"),
        (4.25, "stars", "4.25 stars", "4.25"),
        (-90.0, "seconds", "−1 min", "−1 分钟"),
        (90_061.0, "seconds", "1 d 1 h", "1 天 1 小时"),
    ],
)
def test_a_quantity_is_written_in_its_unit(value: float, unit: str, english: str, chinese: str) -> None:
    assert (quantity(value, unit, "en"), quantity(value, unit, "zh")) == (english, chinese)


def test_digits_of_a_kpi_win_over_the_custom_of_its_unit() -> None:
    assert quantity(412_300.456, "CNY", "en", 2) == "¥412,300.46"
    assert quantity(0.5, "ratio", "en", 0) == "50 %"
    assert quantity(7.0, "orders", "en", 1) == "7.0 orders"
    assert quantity(5.0, "JPY", "zh", None, 0) == "JP¥5"


@pytest.mark.parametrize(
    ("ms", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (-5, "0 s", "0 秒"),
        (59_999, "59 s", "59 秒"),
        (60_000, "1 min", "1 分钟"),
        (61_000, "1 min", "1 分钟"),
        (3_600_000, "1 h", "1 小时"),
        (3_661_000, "1 h 1 min", "1 小时 1 分钟"),
        (86_400_000 + 60_000, "1 d", "1 天"),
        (86_400_000 * 2 + 3_600_000 * 4, "2 d 4 h", "2 天 4 小时"),
    ],
)
def test_a_length_is_written_in_its_two_largest_units(ms: int, english: str, chinese: str) -> None:
    assert (length(ms, "en"), length(ms, "zh")) == (english, chinese)


def test_a_moment_is_that_of_the_business_time_zone() -> None:
    assert moment(T0, "America/New_York", "en") == "21 Nov 2026, 21:00"
    assert moment(T0, "Asia/Shanghai", "zh") == "2026年11月22日 10:00"
    assert moment(T0, "Asia/Shanghai", "en", year=False) == "22 Nov, 10:00"


@pytest.mark.parametrize(
    ("share", "english", "chinese"),
    [
        (0.75, "three quarters of", "约四分之三的"),
        (0.67, "two thirds of", "约三分之二的"),
        (0.5, "half of", "约一半的"),
        (0.33, "a third of", "约三分之一的"),
        (0.25, "a quarter of", "约四分之一的"),
        (0.12, "about 12 % of", "约 12% 的"),
        (0.99, "nearly all of", "几乎全部"),
        (1.2, "more than all of", "超过全部"),
    ],
)
def test_a_share_is_written_in_words(share: float, english: str, chinese: str) -> None:
    assert (part(share, "en"), part(share, "zh")) == (english, chinese)


def test_numbers_have_a_real_minus_and_no_negative_zero() -> None:
    assert [number(-1e-9, 2), signed(-1e-9, 2), signed(5, 0)] == ["0.00", "0.00", "+5"]
    assert [percent(-0.152, "en"), percent(-0.152, "zh"), percent(0, "en")] == ["−15.2 %", "−15.2%", "0.0 %"]


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        pytest.param("a\r\nb\tc", "a b c", id="line breaks"),
        pytest.param("a\x1b[31mb\x00", "a [31mb", id="terminal colours"),
        pytest.param("a\u202eb\u200bc", "a b c", id="direction and zero width"),
        pytest.param("a\u2028b\u2029c", "a b c", id="separators"),
        pytest.param("\ud800x", "x", id="half a character"),
        pytest.param("  华东  ", "华东", id="blanks"),
    ],
)
def test_clean_leaves_one_line_of_visible_text(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_clean_cuts_long_texts() -> None:
    assert clean("x" * 300) == "x" * 199 + "…"
    assert clean("x" * 200) == "x" * 200


def test_scopes_are_in_the_order_of_the_catalogue_with_unknown_dimensions_last() -> None:
    scope = {"channel": "web", "brand": "b", "region": "East"}
    assert scope_words(scope, catalogue(), "en") == "Region East, Channel web, brand b"
    assert scope_words(scope, catalogue(), "zh") == "大区 East，渠道 web，brand b"
    assert values_words(scope, catalogue(), "zh") == "East、web、b"
    assert (scope_words({}, catalogue(), "en"), values_words({}, catalogue(), "zh")) == (
        "the whole company (Acme)",
        "全公司",
    )


# --- how much ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ruled", "unit", "moved", "english", "chinese"),
    [
        pytest.param(
            {},
            "CNY",
            {},
            "¥412,300 vs ¥486,100 expected (−15.2 %)",
            "¥412,300，预期 ¥486,100（−15.2%）",
            id="ratio",
        ),
        pytest.param(
            {"compare": "difference", "expect": {"from": "constant", "value": 0.05}},
            "ratio",
            {"value": 0.081, "expected": 0.05},
            "8.1 % vs 5.0 % expected (+3.1 points)",
            "8.1%，预期 5.0%（+3.1 个百分点）",
            id="points",
        ),
        pytest.param(
            {"compare": "difference"},
            "CNY",
            {"value": 1500.0, "expected": 500.0},
            "¥1,500 vs ¥500.00 expected (+¥1,000)",
            "¥1,500，预期 ¥500.00（+¥1,000）",
            id="difference up",
        ),
        pytest.param(
            {"compare": "difference"},
            "CNY",
            {"value": 500.0, "expected": 1500.0},
            "¥500.00 vs ¥1,500 expected (−¥1,000)",
            "¥500.00，预期 ¥1,500（−¥1,000）",
            id="difference down",
        ),
        pytest.param(
            {"compare": "deviation"},
            "CNY",
            {"departure": -3.24},
            "¥412,300 vs ¥486,100 expected (−3.2 σ)",
            "¥412,300，预期 ¥486,100（−3.2 σ）",
            id="deviation",
        ),
        pytest.param(
            {"compare": "value"},
            "reviews",
            {"value": 12.0, "threshold": 10.0},
            "12 reviews, limit 10 reviews",
            "12，阈值 10",
            id="value",
        ),
        pytest.param(
            {"compare": "value"},
            "reviews",
            {"value": 12.0, "threshold": None},
            "12 reviews",
            "12",
            id="no limit",
        ),
        pytest.param(
            {}, "orders", {"value": 12.0, "expected": None}, "12 orders", "12", id="nothing expected"
        ),
        pytest.param(
            {},
            "orders",
            {"value": 12.0, "expected": 0.0},
            "12 orders vs 0 orders expected",
            "12，预期 0",
            id="zero",
        ),
    ],
)
def test_how_much_is_said_in_terms_of_the_rule(
    ruled: dict, unit: str, moved: dict, english: str, chinese: str
) -> None:
    chosen = catalogue(rules={"revenue_down": rule(**ruled)}, kpis=kpi(unit=unit))
    english_lines, chinese_lines = lines(view(incident(**moved), catalogue=chosen))
    assert (english_lines["How much"], chinese_lines["数值"]) == (english, chinese)


def test_silence_is_said_in_place_of_a_figure() -> None:
    english, chinese = lines(view(incident(cause="quiet", value=None)))
    assert (english["How much"], chinese["数值"]) == ("no event has arrived", "没有收到任何事件")


def test_without_a_value_nothing_is_said_about_how_much() -> None:
    english, _ = lines(view(incident(value=None)))
    assert "How much" not in english


# --- the rest of the card ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "parts", "english", "chinese"),
    [
        (Change.OPENED, {}, "Red: Revenue down on last week — East", "【红色】销售额低于上周：East"),
        (
            Change.EASED,
            {},
            "Eased to Red: Revenue down on last week — East",
            "【降为红色】销售额低于上周：East",
        ),
        (
            Change.KEPT,
            {"overdue": Obligation(clock="solve", tier="red", since_ms=T0, due_ms=T0)},
            "Overdue, Red: Revenue down on last week — East",
            "【超时·红色】销售额低于上周：East",
        ),
    ],
    ids=["opened", "eased", "overdue"],
)
def test_the_title_says_what_happened_where(change: Change, parts: dict, english: str, chinese: str) -> None:
    made = view(incident(EAST), change, **parts)
    assert (compose(made, "en").title, compose(made, "zh").title) == (english, chinese)


def test_a_resolved_card_is_green_and_asks_for_the_report_only() -> None:
    over = incident(EAST).model_copy(
        update={
            "tier": "none",
            "resolved_ms": T0 + HOUR,
            "obligations": [Obligation(clock="report", tier="red", since_ms=T0, due_ms=T0 + 48 * HOUR)],
        }
    )
    made = compose(view(over, Change.RESOLVED, people=["Li Wei"]), "en")
    said = dict(made.lines)
    assert (made.colour, made.tier, made.tier_title) == (RESOLVED_COLOUR, "red", "Resolved")
    assert said["To do"] == "Li Wei: root-cause report by 24 Nov, 10:00"
    assert said["Incident"] == over.id
    assert "Advice" not in said
    assert "Tier" not in said
    assert "Likely driver" not in said


def test_the_drivers_say_where_how_much_and_what_part() -> None:
    east = {"region": "East", "channel": "store", "product_line": "accessories"}
    drivers = [
        Driver(scope=east, value=100.0, expected=118.0, change=-0.15, share=0.75),
        Driver(scope={"region": "West"}, value=50.0, expected=None, change=None, share=0.4),
        Driver(scope={}, value=1.0, expected=None, change=None, share=1.5),
    ]
    english, chinese = lines(view(incident(drivers=drivers)))
    assert english["Likely driver"] == (
        "East, accessories, store: −15 %, three quarters of the shortfall; "
        "West: ¥50.00, about 40 % of the shortfall; company: ¥1.00, more than all of the shortfall"
    )
    assert chinese["可能原因"].startswith("East、accessories、store：−15%，约四分之三的缺口；")


@pytest.mark.parametrize(
    ("bad", "english", "chinese"),
    [("below", "the shortfall", "缺口"), ("above", "the excess", "超出"), ("outside", "the gap", "偏离")],
)
def test_the_drivers_have_a_part_of_what_the_rule_calls_bad(bad: str, english: str, chinese: str) -> None:
    ladder = {"yellow": {"enter": 1.0, "exit": 1.0, "hold": "0m"}}
    chosen = catalogue(rules={"revenue_down": rule(bad=bad, ladder=ladder)})
    driver = Driver(scope=EAST, value=1.0, expected=1.0, change=0.5, share=0.5)
    said = lines(view(incident(drivers=[driver]), catalogue=chosen))
    assert said[0]["Likely driver"].endswith(english)
    assert said[1]["可能原因"].endswith(chinese)


def test_a_card_names_a_few_of_the_incidents_inside_it_gravest_first() -> None:
    within = [incident({"region": f"r{i}"}).model_copy(update={"tier": "yellow"}) for i in range(6)]
    within.append(incident(EAST))
    english, chinese = lines(view(incident(), within=within))
    assert english["Inside it"] == "East (Red); r0 (Yellow); r1 (Yellow); r2 (Yellow); r3 (Yellow) and 2 more"
    assert chinese["包含"].endswith("r3（黄色） 等共 7 处")
    few = lines(view(incident(), within=within[:1]))
    assert (few[0]["Inside it"], few[1]["包含"]) == ("r0 (Yellow)", "r0（黄色）")


def test_the_duties_say_who_must_do_what_by_when() -> None:
    clocks = [
        Obligation(clock="acknowledge", tier="red", since_ms=T0, due_ms=T0 + 30 * MINUTE),
        Obligation(clock="escalate", tier="red", since_ms=T0, due_ms=T0 + 2 * HOUR),
        Obligation(clock="solve", tier="red", since_ms=T0, due_ms=T0 + 24 * HOUR, state="met"),
    ]
    made = view(incident().model_copy(update={"obligations": clocks}), people=["Li Wei", "Zhang Min"])
    english, chinese = lines(made)
    assert english["To do"] == (
        "Li Wei, Zhang Min: acknowledge by 22 Nov, 10:30; "
        "under control by 22 Nov, 12:00, else the next level is told"
    )
    assert (
        chinese["待办"] == "Li Wei、Zhang Min：11月22日 10:30 前确认；11月22日 12:00 前控制住，否则上报上一级"
    )
    nameless = lines(view(made.incident))[0]["To do"]
    assert nameless.startswith("acknowledge by")


@pytest.mark.parametrize("clock", ["acknowledge", "escalate", "solve", "report"])
def test_an_overdue_card_says_which_deadline_was_missed(clock: Any) -> None:
    overdue = Obligation(clock=clock, tier="red", since_ms=T0, due_ms=T0 + 30 * MINUTE, state="overdue")
    english, chinese = lines(view(incident(), Change.KEPT, overdue=overdue))
    assert english["Missed"].endswith("by 22 Nov, 10:30")
    assert "11月22日 10:30" in chinese["超时"]


def test_the_since_line_has_the_time_zone_and_the_length() -> None:
    english, chinese = lines(view(incident()))
    assert english["Since"] == "22 Nov 2026, 09:35 (Asia/Shanghai), for 25 min"
    assert chinese["起始"] == "2026年11月22日 09:35（Asia/Shanghai），持续 25 分钟"
    assert lines(view(incident(since_ms=T0)))[0]["Since"] == "22 Nov 2026, 10:00 (Asia/Shanghai)"


def test_how_to_acknowledge_gives_way_to_who_did_until_it_is_raised() -> None:
    one = incident()
    assert lines(view(one))[0]["Incident"] == f"{one.id} → planwatch incidents ack {one.id}"
    done = Incident.model_validate({**one.model_dump(), "acknowledged": {"at_ms": T0, "by": "li"}})
    english, chinese = lines(view(done, Change.EASED))
    assert english["Incident"] == f"{one.id} (acknowledged by li)"
    assert chinese["事件"] == f"{one.id}（li 已确认）"
    assert "planwatch incidents ack" in lines(view(done, Change.RAISED))[0]["Incident"]


def test_advice_and_deciders_are_on_the_card() -> None:
    chosen = catalogue(rules={"revenue_down": rule(advice=text("Look at stock.", "查看库存。"))})
    english, chinese = lines(view(incident(), catalogue=chosen))
    assert (english["Advice"], chinese["建议"]) == ("Look at stock.", "查看库存。")
    assert english["Tier"] == "red meaning; decides: department head"
    assert chinese["级别"] == "红色含义；决策人：部门负责人"


@pytest.mark.parametrize(
    ("board", "start"),
    [("http://b/d/x", "http://b/d/x?from="), ("http://b/d/x?orgId=1", "http://b/d/x?orgId=1&from=")],
)
def test_the_link_leads_to_the_scope_and_time_on_the_board(board: str, start: str) -> None:
    chosen = catalogue(installation=installation(board_url=board))
    card = compose(view(incident({"region": "a&b=(c)"}), catalogue=chosen), "en")
    assert card.link.startswith(start)
    assert card.link.endswith("&var-region=a%26b%3D%28c%29")


def test_without_a_board_there_is_no_link() -> None:
    assert (
        compose(view(incident(), catalogue=catalogue(installation=installation(board_url=""))), "en").link
        == ""
    )


def test_an_incident_of_planwatch_itself_says_its_text() -> None:
    own = incident(rule="planwatch_exporter_behind", kpi="planwatch", value=None).model_copy(
        update={"subject": "influx", "text": "writes are\n5 minutes behind"}
    )
    card = compose(view(own), "zh")
    said = dict(card.lines)
    assert card.title == "【红色】planwatch_exporter_behind influx"
    assert (said["事项"], said["范围"]) == ("writes are 5 minutes behind", "influx")
    assert compose(view(own), "en").title == "Red: planwatch_exporter_behind influx"


def test_a_rule_and_kpi_that_the_catalogue_lost_are_named_by_their_ids() -> None:
    chosen = catalogue(rules={}, kpis={})
    driver = Driver(scope=EAST, value=-1.0, expected=None, change=None, share=0.5)
    card = compose(view(incident(drivers=[driver]), catalogue=chosen), "en")
    said = dict(card.lines)
    assert card.title == "Red: revenue_down — company"
    assert (said["What"], said["Likely driver"]) == ("revenue_down", "East: −1.00, half of the gap")
    without_rule = catalogue(rules={})
    assert lines(view(incident(), catalogue=without_rule))[0]["How much"].endswith("(−15.2 %)")


def test_a_tier_that_the_ladder_lost_has_its_name_and_no_colour() -> None:
    chosen = catalogue(tiers=catalogue().tiers[:2])
    card = compose(view(incident(), catalogue=chosen), "en")
    assert (card.tier_title, card.colour) == ("red", "#808080")
    assert "Tier" not in dict(card.lines)


def test_a_window_without_a_name_is_named_by_its_id() -> None:
    assert lines(view(incident(window="3w")))[0]["What"] == "Revenue down on last week (Net revenue, 3w)"


def test_the_plain_card_needs_nothing_but_the_incident() -> None:
    card = plain_card(
        incident(EAST).model_copy(update={"told": [Recipient(person="l", channel="m", level=1)]}), "zh"
    )
    assert (card.title, dict(card.lines)["范围"]) == ("red: revenue_down", "{'region': 'East'}")
    assert dict(plain_card(incident(), "en").lines)["Where"] == "-"
