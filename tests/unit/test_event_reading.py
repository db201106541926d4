"""What is refused and why, in the words a producer reads; and that reading many is reading each."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.events import KINDS, kinds_of
from schemas.events._fields import epoch_ms
from schemas.refusal import RefusalReason as Reason
from streams.engine.measure_read import EventReader
from streams.engine.measure_refusal import SHOWN, Fault
from tests.measure_builders import START_MS, catalogue, encoded, order

BOOK = catalogue()
SALES = EventReader(kinds_of("t.sales.v1"), BOOK)
FEEDBACK = EventReader(kinds_of("t.feedback.v1"), BOOK)
SENTIMENT = EventReader(kinds_of("t.sentiment.v1"), BOOK)


def fault_of(value: bytes | None, reader: EventReader = SALES) -> Fault:
    read = reader.read_one(value)
    assert isinstance(read, Fault), f"{value!r} was read"
    return read


def event_of(value: bytes, reader: EventReader = SALES) -> dict[str, Any]:
    read = reader.read_one(value)
    assert not isinstance(read, Fault), read
    return read


def mention(**fields: Any) -> dict[str, Any]:
    return dict(KINDS["mention"].example) | {"dimensions": {}} | fields


def with_raw(field: str, raw: str) -> bytes:
    """An order whose field is exactly these characters."""
    return encoded(order(**{field: "@"})).replace(b'"@"', raw.encode())


BAD: list[tuple[str, bytes | None, Reason, str, str, str]] = [
    # name, value, reason, field, part of the value shown, part of the remedy
    ("tombstone", None, Reason.TOMBSTONE, "", "", "send an event"),
    ("empty", b"", Reason.NOT_JSON, "", "", "one JSON object a record"),
    (
        "2 MB",
        encoded(order())[:-1] + b" " * 2_000_000 + b"}",
        Reason.TOO_LARGE,
        "",
        " bytes",
        "at most 1000000 bytes",
    ),
    ("latin-1", b'{"kind": "caf\xe9"}', Reason.NOT_UTF8, "byte 13", "caf\\xe9", "UTF-8"),
    ("utf-16", '{"kind":1}'.encode("utf-16"), Reason.NOT_UTF8, "byte 0", "\\xff\\xfe", "UTF-8"),
    (
        "byte order mark",
        b"\xef\xbb\xbf" + encoded(order()),
        Reason.NOT_JSON,
        "",
        "\\ufeff{",
        "byte order mark",
    ),
    ("cut off", encoded(order())[:-1], Reason.NOT_JSON, "", '{"kind"', "EOF"),
    ("two objects", encoded(order()) + b"," + encoded(order()), Reason.NOT_JSON, "", "", "one JSON object"),
    ("two lines", encoded(order()) + b"\n" + encoded(order()), Reason.NOT_JSON, "", "", "one JSON object"),
    ("list", b"[" + encoded(order()) + b"]", Reason.NOT_AN_OBJECT, "", "[{", "several records"),
    ("number", b"17", Reason.NOT_AN_OBJECT, "", "17", "one JSON object"),
    ("no kind", b"{}", Reason.MISSING_FIELD, "kind", "", "order, refund, visit"),
    ("unknown kind", b'{"kind": "ordr"}', Reason.UNKNOWN_KIND, "kind", "ordr", "did you mean order?"),
    ("strange kind", b'{"kind": "zzz"}', Reason.UNKNOWN_KIND, "kind", "zzz", "order, refund, visit"),
    ("kind no text", b'{"kind": {}}', Reason.UNKNOWN_KIND, "kind", "{}", "kinds here"),
    (
        "other topic",
        encoded(dict(KINDS["mention"].example)),
        Reason.WRONG_TOPIC,
        "kind",
        "mention",
        "…sentiment.v1",
    ),
    ("other topic, bad", b'{"kind": "mention"}', Reason.WRONG_TOPIC, "kind", "mention", "…sentiment.v1"),
    ("no amount", encoded(order(amount=...)), Reason.MISSING_FIELD, "amount", "", "add amount"),
    ("misspelt", encoded(order(amount=..., amout=1)), Reason.MISSING_FIELD, "amount", "", "is 'amout' meant"),
    ("more fields", encoded(order(colour="red")), Reason.UNKNOWN_FIELD, "colour", "red", "under attributes"),
    (
        "dimension",
        encoded(order(dimensions={"shop": "1"})),
        Reason.UNKNOWN_DIMENSION,
        "dimensions.shop",
        "1",
        "region",
    ),
    (
        "dimension type",
        encoded(order(dimensions={"region": 3})),
        Reason.WRONG_TYPE,
        "dimensions.region",
        "3",
        "quotes",
    ),
    (
        "dimension empty",
        encoded(order(dimensions={"region": ""})),
        Reason.EMPTY,
        "dimensions.region",
        "",
        "leave",
    ),
    (
        "dimension long",
        encoded(order(dimensions={"region": "x" * 101})),
        Reason.TOO_LONG,
        "dimensions.region",
        "xx",
        "100",
    ),
    (
        "control",
        encoded(order(dimensions={"region": "a\nb"})),
        Reason.BAD_CHARACTERS,
        "dimensions.region",
        "a\\nb",
        "control",
    ),
    ("dimensions list", encoded(order(dimensions=[])), Reason.WRONG_TYPE, "dimensions", "[]", "object"),
    ("text for int", encoded(order(line="1")), Reason.WRONG_TYPE, "line", "1", "whole number"),
    ("float for int", encoded(order(quantity=1.0)), Reason.WRONG_TYPE, "quantity", "1.0", "whole number"),
    ("bool for int", encoded(order(line=True)), Reason.WRONG_TYPE, "line", "true", "whole number"),
    ("null for int", encoded(order(line=None)), Reason.WRONG_TYPE, "line", "null", "whole number"),
    ("line zero", encoded(order(line=0)), Reason.OUT_OF_RANGE, "line", "0", "at least 1"),
    ("huge int", with_raw("quantity", "9" * 40), Reason.OUT_OF_RANGE, "quantity", "999", "at most"),
    ("id number", encoded(order(event_id=7)), Reason.WRONG_TYPE, "event_id", "7", "quotes"),
    ("id empty", encoded(order("")), Reason.EMPTY, "event_id", "", "value"),
    ("id long", encoded(order("x" * 201)), Reason.TOO_LONG, "event_id", "xxx", "200"),
    (
        "attributes",
        encoded(order(attributes={str(a): a for a in range(17)})),
        Reason.TOO_MANY_ATTRIBUTES,
        "attributes",
        "{",
        "16",
    ),
    (
        "attribute list",
        encoded(order(attributes={"a": [1]})),
        Reason.WRONG_TYPE,
        "attributes.a",
        "[1]",
        "numbers",
    ),
    (
        "attribute NaN",
        encoded(order(attributes={"a": float("nan")})),
        Reason.WRONG_TYPE,
        "attributes.a",
        "NaN",
        "numbers",
    ),
    (
        "no offset",
        encoded(order(at="2026-03-02T08:00:00")),
        Reason.NO_OFFSET,
        "occurred_at",
        "08:00:00",
        "+08:00",
    ),
    ("date only", encoded(order(at="2026-03-02")), Reason.NO_OFFSET, "occurred_at", "2026-03-02", "+08:00"),
    ("no time", encoded(order(at="soon")), Reason.BAD_TIME, "occurred_at", "soon", "RFC 3339"),
    (
        "no such day",
        encoded(order(at="2026-02-30T08:00:00Z")),
        Reason.BAD_TIME,
        "occurred_at",
        "02-30",
        "RFC 3339",
    ),
    (
        "seconds",
        encoded(order(at=1_772_409_600)),
        Reason.BEFORE_2000,
        "occurred_at",
        "1772409600",
        "milliseconds, not sec",
    ),
    ("float time", encoded(order(at=1.5)), Reason.BAD_TIME, "occurred_at", "1.5", "whole epoch"),
    ("bool time", encoded(order(at=True)), Reason.BAD_TIME, "occurred_at", "true", "whole epoch"),
    (
        "year 3000",
        encoded(order(at="3000-01-01T00:00:00Z")),
        Reason.FROM_THE_FUTURE,
        "occurred_at",
        "3000",
        "3000",
    ),
    ("negative", encoded(order(amount="-0.01")), Reason.NEGATIVE_AMOUNT, "amount", "-0.01", "kind refund"),
    ("negative number", encoded(order(amount=-1)), Reason.NEGATIVE_AMOUNT, "amount", "-1", "kind refund"),
    (
        "too much",
        encoded(order(amount="100000000000.01")),
        Reason.AMOUNT_TOO_LARGE,
        "amount",
        "1000",
        "main unit",
    ),
    ("1e300", encoded(order(amount=1e300)), Reason.AMOUNT_TOO_LARGE, "amount", "1e+300", "main unit"),
    ("decimals", encoded(order(amount="19.999")), Reason.TOO_MANY_DECIMALS, "amount", "19.999", "2 decimals"),
    (
        "decimals number",
        encoded(order(amount=19.999)),
        Reason.TOO_MANY_DECIMALS,
        "amount",
        "19.999",
        "2 decimals",
    ),
    (
        "decimals unseen",
        with_raw("amount", "19.990000000000000001"),
        Reason.TOO_MANY_DECIMALS,
        "amount",
        "19.99",
        "2 dec",
    ),
    (
        "decimals of many",
        with_raw("amount", "12345678901.230000001"),
        Reason.TOO_MANY_DECIMALS,
        "amount",
        "123",
        "2 dec",
    ),
    (
        "decimals exponent",
        with_raw("amount", "19990000000000000001e-18"),
        Reason.TOO_MANY_DECIMALS,
        "amount",
        "19.99",
        "2",
    ),
    ("separators", encoded(order(amount="1,299.00")), Reason.BAD_NUMBER, "amount", "1,299.00", "separators"),
    ("exponent", encoded(order(amount="1e3")), Reason.BAD_NUMBER, "amount", "1e3", "exponent"),
    ("wide digits", encoded(order(amount="１２")), Reason.BAD_NUMBER, "amount", "１２", "digits"),
    ("NaN", encoded(order(amount=float("nan"))), Reason.BAD_NUMBER, "amount", "NaN", "digits"),
    ("amount list", encoded(order(amount=[1])), Reason.WRONG_TYPE, "amount", "[1]", "a number"),
    ("amount true", encoded(order(amount=True)), Reason.WRONG_TYPE, "amount", "true", "a number"),
    ("dollars", encoded(order(currency="USD")), Reason.OTHER_CURRENCY, "currency", "USD", "counts in CNY"),
]


@pytest.mark.parametrize(
    ("value", "reason", "field", "shown", "remedy"), [one[1:] for one in BAD], ids=[one[0] for one in BAD]
)
def test_a_record_that_cannot_be_read_is_refused_with_field_value_and_remedy(
    value: bytes | None, reason: Reason, field: str, shown: str, remedy: str
) -> None:
    wrong = fault_of(value)
    assert (wrong.reason, wrong.field) == (reason.value, field)
    assert shown in wrong.value
    assert remedy in wrong.remedy
    assert len(wrong.value) <= SHOWN
    assert all(part.isprintable() for part in wrong)


@pytest.mark.parametrize("value", [one[1] for one in BAD], ids=[one[0] for one in BAD])
def test_a_fault_is_the_same_among_good_values(value: bytes | None) -> None:
    for poll in ([value], [value, GOOD], [GOOD, value]):
        assert SALES.read(poll) == as_read_alone(SALES, poll)


def test_every_reason_of_a_value_is_tried_here() -> None:
    feedback = {Reason.NOT_RATED, Reason.ANSWERED_BEFORE, Reason.NOT_ALLOWED}
    by_record = {Reason.NO_RECORD_TIME}
    assert {one[2] for one in BAD} == set(Reason) - feedback - by_record


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        ({"kind": "review"}, Reason.NOT_RATED, "rating"),
        ({"kind": "review", "sentiment": "so so"}, Reason.NOT_ALLOWED, "sentiment"),
        ({"kind": "review", "rating": 6}, Reason.OUT_OF_RANGE, "rating"),
        (
            {"kind": "reply", "replied_to": "r", "replied_to_at": START_MS + 1},
            Reason.ANSWERED_BEFORE,
            "replied_to_at",
        ),
        ({"kind": "reply", "replied_to": "r", "replied_to_at": "x"}, Reason.BAD_TIME, "replied_to_at"),
        ({"kind": "survey", "score": 11}, Reason.OUT_OF_RANGE, "score"),
    ],
)
def test_feedback_is_refused_for_what_it_lacks(event: dict[str, Any], reason: Reason, field: str) -> None:
    wrong = fault_of(encoded({"event_id": "1", "occurred_at": START_MS} | event), FEEDBACK)
    assert (wrong.reason, wrong.field) == (reason.value, field)
    assert wrong.remedy


@pytest.mark.parametrize(
    ("raw", "units"),
    [
        ("19.99", 1999), ('"19.99"', 1999), ("0.1", 10), ("0.29", 29), ("1.15", 115), ("2.675e1", 2675),
        ("0", 0), ("-0", 0), ('"0.00"', 0), ("100000000000", 10**13), ("99999999999.99", 9_999_999_999_999),
        ("20", 2000), ("20.0", 2000), ('"20.5000"', 2050), ("19.9900000000000000000", 1999), ("1E2", 10_000),
        ("8.20", 820), ("1.1", 110), ("4.35", 435), ("1009.03", 100_903),
    ],
)  # fmt: skip
def test_money_is_exact(raw: str, units: int) -> None:
    assert event_of(with_raw("amount", raw))["amount"] == units


@pytest.mark.parametrize("digits", [0, 2, 3, 4])
def test_money_follows_the_decimals_of_the_currency(digits: int) -> None:
    reader = EventReader(kinds_of("sales.v1"), catalogue(minor_digits=digits))
    for text in ("7", "7.1", "7.12", "7.123", "7.1234"):
        decimals = len(text.partition(".")[2])
        for raw in (text, f'"{text}"'):
            read = reader.read_one(with_raw("amount", raw))
            if decimals <= digits:
                assert not isinstance(read, Fault)
                assert read["amount"] == int(text.replace(".", "")) * 10 ** (digits - decimals)
            else:
                assert isinstance(read, Fault)
                assert read.reason == Reason.TOO_MANY_DECIMALS


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T08:00:00+08:00", "2026-03-02T00:00:00Z", "2026-03-02t00:00:00z", "2026-03-02 00:00:00Z",
        "2026-03-02T00:00:00.000Z", "2026-03-02T05:30:00.0009+05:30", "2026-03-01T19:00:00-05:00",
        "2026-03-02T00:00:00.000000000Z", "2026-03-02T00:00:00-00:00",
    ],
)  # fmt: skip
def test_one_moment_may_be_written_in_many_ways(text: str) -> None:
    assert event_of(encoded(order(at=text)))["occurred_at"] == START_MS
    assert event_of(encoded(order(at=text)))["occurred_at"] == START_MS


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T24:00:00Z", "2026-03-02T00:60:00Z", "2026-03-02T00:00:60Z", "2026-03-02T00:00:00+24:00",
        "2026-03-02T00:00:00.Z", "2026-03-02T00:00:00+0800", "20260302T000000Z", "2026-W10-1T00:00:00Z", "",
        "2026-03-02T00:00Z", "2026-03-02T00:00:00,5Z", "٢٠٢٦-03-02T00:00:00Z", " 2026-03-02T00:00:00Z", "Z",
        "2026-03-02T00:00:00ZZ", "2026-03-02T00:00:0٠Z",
    ],
)  # fmt: skip
def test_other_forms_of_time_are_refused(text: str) -> None:
    assert fault_of(encoded(order(at=text))).reason == Reason.BAD_TIME


def test_a_dimension_that_is_missing_or_null_is_no_fault() -> None:
    assert event_of(encoded(order(dimensions={"region": None})))["dimensions"] == {"region": None}
    assert "dimensions" not in event_of(encoded(order()))


def test_optional_fields_may_be_null() -> None:
    event = event_of(encoded(order(discount=None, customer_id=None)))
    assert (event["discount"], event["customer_id"]) == (0, None)


@pytest.mark.parametrize(
    ("fields", "bad", "good"),
    [
        ({"rating": 1}, 1, 0), ({"rating": 2}, 1, 0), ({"rating": 3}, 0, 0), ({"rating": 4}, 0, 1),
        ({"sentiment": "negative"}, 1, 0), ({"sentiment": "neutral"}, 0, 0),
        ({"sentiment": "positive"}, 0, 1),
        ({"rating": 5, "sentiment": "negative"}, 0, 1),
    ],
)  # fmt: skip
def test_review_is_bad_or_good_by_rating_else_by_label(fields: dict[str, Any], bad: int, good: int) -> None:
    event = {"kind": "review", "event_id": "1", "occurred_at": START_MS, **fields}
    read = event_of(encoded(event), FEEDBACK)
    assert (read["bad"], read["good"]) == (bad, good)


def test_reply_knows_how_long_the_customer_waited() -> None:
    event = {"kind": "reply", "event_id": "1", "occurred_at": START_MS, "replied_to": "r"}
    read = event_of(encoded(event | {"replied_to_at": START_MS - 86_400_000}), FEEDBACK)
    assert read["waited"] == 86_400_000


def test_derived_fields_cannot_be_sent() -> None:
    event = {"kind": "review", "event_id": "1", "occurred_at": START_MS, "rating": 5, "bad": 1}
    assert fault_of(encoded(event), FEEDBACK).reason == Reason.UNKNOWN_FIELD


def test_a_value_with_thousands_of_faults_is_refused_in_good_time() -> None:
    value = encoded(order(**{f"x{at}": at for at in range(50_000)}))
    wrong = fault_of(value)
    assert wrong.reason == Reason.UNKNOWN_FIELD
    assert "things are wrong" in wrong.remedy


def as_read_alone(reader: EventReader, values: Sequence[bytes | None]) -> tuple[list[Any], dict[int, Fault]]:
    alone = [reader.read_one(value) for value in values]
    faults = {at: one for at, one in enumerate(alone) if isinstance(one, Fault)}
    return [None if isinstance(one, Fault) else one for one in alone], faults


GOOD = encoded(order())
PAIR = GOOD + b"," + GOOD
CUT_OBJECT = GOOD.split(b",", 1)
_left, _, _right = encoded(order("a},{b")).partition(b"},{")
CUT_STRING = [_left + b"}", b"{" + _right]
HOSTILE = {
    # Each would be a list of the right length if only joined and counted.
    "two events and an empty value": [PAIR, b""],
    "a string over two values": [PAIR, b'{"kind":"order","x":"', b'"}'],
    "a string cut between braces": [PAIR, *CUT_STRING],
    "an object cut after a comma": [PAIR, *CUT_OBJECT],
    "a list over two values": [PAIR, b'{"attributes":[{}', b"{}]," + GOOD[1:]],
    "a list in a name given twice": [
        PAIR,
        b'{"attributes":[{"a":1}',
        b'{"b":2}],"attributes":{},' + GOOD[1:],
    ],
    "an object over two values": [PAIR, b'{"attributes":{"a":1}', b'{"b":1}},' + GOOD[1:]],
    "an object that closes ours": [b"{}],[{}", GOOD],
    "a comment": [GOOD + b"/*{}", b"{}*/" + GOOD],
    "a line break in a string": [PAIR, b'{"kind":"order","event_id":"a},\n{' + GOOD[-40:], GOOD],
    "a backslash at the end": [b'{"event_id":"\\}', b'{"}'],
}


@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE)
def test_values_cannot_borrow_from_each_other(values: list[bytes]) -> None:
    for batch in (values, [GOOD, *values], [*values, GOOD], values[::-1]):
        assert SALES.read(batch) == as_read_alone(SALES, batch)


@pytest.mark.parametrize("reader", [SALES, SENTIMENT], ids=["sales", "sentiment"])
def test_a_poll_with_every_fault_in_it_is_read_as_each_alone(reader: EventReader) -> None:
    values = [value for _, value, *_ in BAD] + [GOOD, encoded(dict(KINDS["mention"].example))]
    long = [value for value in values for _ in range(3)]
    assert reader.read(long) == as_read_alone(reader, long)


def test_a_fault_in_a_long_poll_leaves_the_others_alone() -> None:
    values = [encoded(order(str(at))) for at in range(300)]
    values[70] = b"{"
    batch = SALES.read(values)
    assert [*batch.faults] == [70]
    assert [event and event["event_id"] for event in batch.events] == [
        None if at == 70 else str(at) for at in range(300)
    ]


def test_any_number_of_moments_can_be_read() -> None:
    texts = [f"2026-03-02T00:00:{at // 10_000:02}.{at % 10_000:04}Z" for at in range(70_000)]
    assert [epoch_ms(text) for text in texts] == [START_MS + at // 10 for at in range(70_000)]


@pytest.mark.parametrize(
    ("raw", "millionths"),
    [
        ("1", 10**6),
        ("-1", -(10**6)),
        ("-0.1234565", -123_456),
        ("0.1234575", 123_458),
        ('"0.5"', 500_000),
        ("1e-7", 0),
    ],
)
def test_polarity_is_rounded_half_to_even(raw: str, millionths: int) -> None:
    event = encoded(mention(polarity="@")).replace(b'"@"', raw.encode())
    assert event_of(event, SENTIMENT)["polarity"] == millionths


@pytest.mark.parametrize(
    ("polarity", "reason"),
    [
        (1.01, Reason.OUT_OF_RANGE),
        ("-2", Reason.OUT_OF_RANGE),
        ("bad", Reason.BAD_NUMBER),
        (float("inf"), Reason.BAD_NUMBER),
        (True, Reason.WRONG_TYPE),
        (None, Reason.WRONG_TYPE),
    ],
)
def test_polarity_that_is_none_is_refused(polarity: Any, reason: Reason) -> None:
    wrong = fault_of(encoded(mention(polarity=polarity)), SENTIMENT)
    assert (wrong.reason, wrong.field) == (reason, "polarity")


def test_brackets_in_a_text_are_read() -> None:
    value = encoded(order(customer_id="[1]"))
    assert SALES.read([GOOD, value]).faults == {}


def test_a_name_given_twice_counts_with_its_last_value() -> None:
    value = b'{"amount":"1.00",' + GOOD[1:]
    assert event_of(value)["amount"] == 1000
    assert SALES.read([value]).events == [event_of(value)]


def test_json_over_several_lines_is_read() -> None:
    value = json.dumps(order(), indent=2).encode() + b"\n"
    assert SALES.read([value, GOOD]).faults == {}
