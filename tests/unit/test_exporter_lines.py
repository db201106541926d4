"""Line protocol: a parser written from the reference reads back what was meant, whatever the text."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Transition
from streams.engine.figures import Figure
from streams.exporters.base import LONGEST, label_value
from streams.exporters.influx.lines import LineWriter, closed_period, tag_value, transition_lines


def read_line(text: str) -> tuple[str, dict[str, str], dict[str, str], int]:
    """Measurement, tags, raw fields and time of a line, as the 1.8 and 2.x server read it.

    A separator counts unless a backslash is before it; `\\,` `\\=` `\\ ` stand for the character.
    """
    key, fields, time = re.split(r"(?<!\\) ", text)
    parts = re.split(r"(?<!\\),", key)
    pairs = [re.split(r"(?<!\\)=", part) for part in parts[1:]]
    assert all(len(pair) == 2 and all(pair) for pair in pairs), text
    tags = {name: re.sub(r"\\([,= ])", r"\1", value) for name, value in pairs}
    return parts[0], tags, dict(field.split("=") for field in fields.split(",")), int(time)


def lines_of(*figures: Figure) -> list[str]:
    return LineWriter().figures(figures).lines


def test_figure_is_a_point_with_its_dimensions_as_tags() -> None:
    figure = Figure(
        "revenue", "24h", "region+channel", (("region", "East, 东"), ("channel", "a=b")), 1234, 0.1, 7
    )
    assert lines_of(figure) == [
        r"kpi,channel=a\=b,kpi=revenue,level=region+channel,region=East\,\ 东,window=24h "
        "value=0.1,expected=7.0 1234"
    ]


def test_company_has_no_dimension_tags_and_no_expectation_means_no_field() -> None:
    assert lines_of(Figure("orders", "5m", "company", (), 60_000, 3, None)) == [
        "kpi,kpi=orders,level=company,window=5m value=3.0 60000"
    ]


@given(value=st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_dimension_value_comes_back_as_one_tag_on_one_line(value: str) -> None:
    (text,) = lines_of(Figure("k", "1h", "region", (("region", value),), 5, 1.0, None))
    text.encode()
    assert len(text.splitlines()) == 1
    measurement, tags, fields, time = read_line(text)
    assert (measurement, set(tags), fields, time) == (
        "kpi",
        {"kpi", "level", "region", "window"},
        {"value": "1.0"},
        5,
    )
    if value.isprintable() and 0 < len(value) <= LONGEST and "\\" not in value:
        assert tags["region"] == value


@given(
    values=st.lists(st.text(alphabet='a\\,= "\n\x00\u202e', max_size=6), min_size=2, max_size=2, unique=True)
)
@settings(max_examples=100, deadline=None)
def test_two_values_never_share_a_tag(values: list[str]) -> None:
    assert tag_value(values[0]) != tag_value(values[1])
    assert label_value(values[0]) != label_value(values[1])


@pytest.mark.parametrize("value", ["a\\", "a\\,b", "a\\ b", "\\=", "\\"], ids=repr)
def test_backslash_that_would_escape_is_no_backslash_any_more(value: str) -> None:
    (text,) = lines_of(Figure("k", "1h", "region", (("region", value),), 5, 1.0, None))
    assert "\\" not in read_line(text)[1]["region"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "7"], ids=repr)
def test_value_that_is_no_finite_number_is_counted_and_leaves_the_others(value: float) -> None:
    good = Figure("k", "1h", "company", (), 5, 1.5, math.nan)
    lines = LineWriter().figures([good._replace(value=value), good])
    assert lines.unwritable == 1
    assert [read_line(text)[2] for text in lines.lines] == [{"value": "1.5"}]


@pytest.mark.parametrize("number", [1e22, 1e-9, 123456789.125, -0.0, 5], ids=repr)
def test_value_keeps_every_digit(number: float) -> None:
    (text,) = lines_of(Figure("k", "1h", "company", (), 5, number, None))
    assert float(read_line(text)[2]["value"]) == number


def test_dimension_with_a_name_of_ours_keeps_apart_from_it() -> None:
    (text,) = lines_of(Figure("k", "1h", "level", (("level", "gold"),), 5, 1.0, None))
    assert read_line(text)[1] == {"kpi": "k", "level": "level", "level_": "gold", "window": "1h"}


def test_series_beyond_the_cache_are_formatted_alike() -> None:
    figures = [Figure("k", "1h", "store", (("store", f"s{n % 5}"),), n, 1.0, None) for n in range(20)]
    assert LineWriter(heads=2).figures(figures) == LineWriter().figures(figures)


def test_rungs_passed_at_one_pane_end_stay_apart() -> None:
    rungs = [_transition("yellow", 0), _transition("orange", 1)]
    assert transition_lines(rungs, ["none", "yellow", "orange"].index) == [
        'tier,level=region,region=East,rule=r rank=1.0,tier="yellow" 60000',
        'tier,level=region,region=East,rule=r rank=2.0,tier="orange" 60001',
    ]


def _transition(tier: str, seq: int) -> Transition:
    return Transition(
        rule="r",
        scope={"region": "East"},
        tier=tier,
        previous="none",
        cause="worse",
        end_ms=60_000,
        seq=seq,
        kpi="k",
        window="1h",
        value=1.0,
        expected=2.0,
        departure=0.5,
        threshold=0.9,
        since_ms=0,
        catalogue="c",
    )


DAY = 86_400_000


def at_midnight(end_ms: int) -> list[str]:
    return [] if end_ms % DAY else ["day"]


@given(
    st.dictionaries(st.sampled_from(["region", "level", "kpi", "x_"]), st.text(max_size=200)),
    st.integers(1, 20_000),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_a_point_at_the_end_of_a_period_is_known_again_by_its_line(
    scope: dict[str, str], day: int, value: float
) -> None:
    figure = Figure("k", "day", "l", tuple(scope.items()), day * DAY, value, 1.0)
    found = closed_period(lines_of(figure)[0], at_midnight)
    assert found is not None
    assert (found.kpi, found.window, found.end_ms) == ("k", "day", day * DAY)
    assert set(found.scope) == set(scope)
    for name, text in scope.items():
        if tag_value(text).replace("\\,", ",").replace("\\=", "=").replace("\\ ", " ") == text:
            assert found.scope[name] == text


def test_other_points_are_of_no_closed_period() -> None:
    rolling = Figure("k", "24h", "company", (), DAY, 1.0, None)
    within = Figure("k", "day", "company", (), DAY + 60_000, 1.0, None)
    later = Figure("k", "day", "company", (), DAY + 900_000, 1.0, None)
    assert [closed_period(line, at_midnight) for line in lines_of(rolling, within, later)] == [None] * 3
    assert closed_period('tier,level=company,rule=r rank=3.0,tier="red" 86400000', at_midnight) is None
