"""The forms of a map's values: what each gives, and what it refuses with which words."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.errors import InputError
from schemas.eventmap import Value
from streams.publish.outcome import UnusableError
from streams.publish.values import Surroundings, as_json, as_text, columns_of, compile_value

VALUE: TypeAdapter[Value] = TypeAdapter(Value)
AROUND = Surroundings(
    tables={"products": {"1": {"price": "699.0982", "name": "Road"}, "2": {"price": "", "name": "Bell"}}},
    zone="America/Los_Angeles",
    rows=lambda: 4,
)


def value_of(written: object, **columns: str) -> object:
    return as_json(compile_value(VALUE.validate_python(written), AROUND)({"@row": "1", **columns}))


@pytest.mark.parametrize(
    ("written", "columns", "expected"),
    [
        pytest.param("order-${number}-${line}", {"number": "SO1", "line": "2"}, "order-SO1-2", id="text"),
        pytest.param("${order number}", {"order number": "SO1"}, "SO1", id="column name with a blank"),
        pytest.param("$$5", {}, "$5", id="dollar sign"),
        pytest.param(3, {}, 3, id="number"),
        pytest.param(True, {}, True, id="truth"),
        pytest.param({"integer": "${n}"}, {"n": "12"}, 12, id="integer"),
        pytest.param({"integer": "${n}"}, {"n": "12.0"}, 12, id="integer with decimals of nought"),
        pytest.param({"integer": "${n}", "remove": ","}, {"n": "1,200"}, 1200, id="integer with separators"),
        pytest.param({"integer": "${n}"}, {"n": ""}, "", id="integer of nothing"),
        pytest.param(
            {"number": "${n}", "decimals": 2}, {"n": "0.125"}, "0.12", id="rounded half to even, down"
        ),
        pytest.param(
            {"number": "${n}", "decimals": 2}, {"n": "0.135"}, "0.14", id="rounded half to even, up"
        ),
        pytest.param(
            {"number": "${n}", "remove": "¥,"}, {"n": "¥1,234.50"}, "1234.50", id="money as written"
        ),
        pytest.param(
            {"multiply": ["${p}", "${q}"], "decimals": 2},
            {"p": "699.0982", "q": "3"},
            "2097.29",
            id="multiply",
        ),
        pytest.param({"add": ["${p}", "${q}", "1"]}, {"p": "0.1", "q": "0.2"}, "1.3", id="add"),
        pytest.param({"subtract": ["${p}", "${q}"]}, {"p": "1", "q": "1.5"}, "-0.5", id="subtract"),
        pytest.param(
            {"lookup": "products", "key": "${k}", "take": "price"}, {"k": "1"}, "699.0982", id="lookup"
        ),
        pytest.param(
            {"lookup": "products", "key": "${k}", "take": "price"},
            {"k": "2"},
            "",
            id="lookup of an empty cell",
        ),
        pytest.param(
            {"lookup": "products", "key": "${k}", "take": "name", "missing": "?"},
            {"k": "9"},
            "?",
            id="missing key",
        ),
        pytest.param({"values": {"1": 5, "0": 1}, "of": "${label}"}, {"label": "0"}, 1, id="values"),
        pytest.param(
            {"values": {"1": 5}, "of": "${label}", "otherwise": 3}, {"label": "x"}, 3, id="otherwise"
        ),
    ],
)
def test_value_is_worked_out(written: object, columns: dict[str, str], expected: object) -> None:
    assert value_of(written, **columns) == expected


@pytest.mark.parametrize(
    ("written", "columns", "field", "reason"),
    [
        pytest.param({"integer": "${n}"}, {"n": "1.5"}, "n", "is not a whole number", id="a fraction"),
        pytest.param({"integer": "${n}"}, {"n": "9S"}, "n", "is not a whole number", id="a letter"),
        pytest.param({"number": "${n}"}, {"n": "NaN"}, "n", "is not a number", id="not finite"),
        pytest.param(
            {"multiply": ["${p}", "${q}"]}, {"p": "1", "q": ""}, "q", "is not a number", id="an empty operand"
        ),
        pytest.param(
            {"lookup": "products", "key": "${k}", "take": "name"},
            {"k": "AA311"},
            "k",
            "is not a key of table products",
            id="key",
        ),
        pytest.param(
            {"values": {"1": 5}, "of": "${label}"},
            {"label": "2"},
            "label",
            "has no value in the map",
            id="label",
        ),
        pytest.param(
            {"date": "${d}", "formats": ["%d/%m/%Y"]},
            {"d": "13/13/2016"},
            "d",
            "is not a point in time that the map can read",
            id="date",
        ),
    ],
)
def test_value_refuses_with_field_and_reason(
    written: object, columns: dict[str, str], field: str, reason: str
) -> None:
    with pytest.raises(UnusableError) as refused:
        value_of(written, **columns)

    assert (refused.value.field, refused.value.reason) == (field, reason)
    assert refused.value.remedy


def test_values_in_turn_begin_again_and_depend_on_the_row_alone() -> None:
    compute = compile_value(VALUE.validate_python({"in_turn": ["a", "b", "c"]}), AROUND)

    assert [compute({"@row": str(row)}) for row in (1, 2, 3, 4, 3)] == ["a", "b", "c", "a", "c"]


def test_spread_steps_evenly_from_its_start() -> None:
    start = "2015-01-01T00:00:00Z"

    assert (
        value_of({"spread": {"start": start, "every": "90m"}}, **{"@row": "3"})
        == "2015-01-01T03:00:00.000+00:00"
    )


def test_spread_to_an_end_shares_the_range_among_the_rows() -> None:
    spread = {"spread": {"start": "2015-01-01T00:00:00Z", "end": "2015-01-02T00:00:00Z"}}

    times = [value_of(spread, **{"@row": str(row)}) for row in (1, 4)]

    assert times == ["2015-01-01T00:00:00.000+00:00", "2015-01-01T18:00:00.000+00:00"]


@pytest.mark.parametrize(
    ("written", "text", "expected"),
    [
        pytest.param(
            ["%Y-%m-%d"], "2015-01-18", "2015-01-18T12:00:00-08:00", id="noon of the zone in winter"
        ),
        pytest.param(
            ["%Y-%m-%d"], "2017-06-30", "2017-06-30T12:00:00-07:00", id="noon of the zone in summer"
        ),
        pytest.param(["%Y-%m-%d %H:%M"], "2017-06-30 08:15", "2017-06-30T08:15:00-07:00", id="with a time"),
        pytest.param(["%Y-%m-%d", "%d/%m/%Y"], "30/06/2017", "2017-06-30T12:00:00-07:00", id="second format"),
        pytest.param(
            ["%Y-%m-%dT%H:%M:%S%z"],
            "2017-06-30T08:15:00+0800",
            "2017-06-30T00:15:00+00:00",
            id="with an offset",
        ),
        pytest.param(["iso"], "2017-06-30T08:15:00+08:00", "2017-06-30T08:15:00+08:00", id="iso"),
        pytest.param(["iso"], "2017-06-30", "2017-06-30T12:00:00-07:00", id="iso date"),
        pytest.param(["epoch_s"], "0", "1970-01-01T00:00:00+00:00", id="epoch seconds"),
        pytest.param(["epoch_ms"], "1500", "1970-01-01T00:00:01.500000+00:00", id="epoch milliseconds"),
    ],
)
def test_moment_is_read(written: list[str], text: str, expected: str) -> None:
    assert value_of({"date": "${d}", "formats": written}, d=text) == expected


def test_moment_follows_the_condition_that_holds_and_no_other_format() -> None:
    # lines   1 … 97   month/day/year, and only that
    #        98 …      day/month/year
    formats = [{"format": "%m/%d/%Y", "when": {"@line": {"max": 97}}}, "%d/%m/%Y"]
    moment = {"date": "${d}", "formats": formats}

    assert value_of(moment, d="01/02/2016", **{"@line": "97"}) == "2016-01-02T12:00:00-08:00"
    assert value_of(moment, d="01/02/2016", **{"@line": "98"}) == "2016-02-01T12:00:00-08:00"
    with pytest.raises(UnusableError):
        value_of(moment, d="13/02/2016", **{"@line": "97"})


def test_moment_without_zone_is_refused_when_the_map_is_compiled() -> None:
    nowhere = Surroundings({}, None, lambda: 0)

    with pytest.raises(InputError, match="zone"):
        compile_value(VALUE.validate_python({"date": "${d}", "formats": ["%Y-%m-%d"]}), nowhere)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"sum": ["a", "b"]}, id="no such form"),
        pytest.param({"multiply": ["1", "2"], "add": ["1", "2"]}, id="two operations"),
        pytest.param({"multiply": ["1"]}, id="one operand"),
        pytest.param({"spread": {"start": "2015-01-01T00:00:00Z"}}, id="spread without step"),
        pytest.param({"spread": {"start": "2015-01-01T00:00:00", "every": "1m"}}, id="spread without offset"),
        pytest.param(["a"], id="a list"),
    ],
)
def test_value_of_unknown_form_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        VALUE.validate_python(written)


def test_template_offers_no_attributes_and_no_calls() -> None:
    # a template is text with columns in it: what else a person may try is a column's name that no file has
    assert columns_of(VALUE.validate_python("${a.__class__}")) == ["a.__class__"]
    with pytest.raises(InputError):
        columns_of(VALUE.validate_python("$(rm)"))


def test_decimals_of_columns_are_never_written_with_an_exponent() -> None:
    assert as_text(Decimal("1E+3")) == "1000"
    assert as_json(Decimal("1E-7")) == "0.0000001"
