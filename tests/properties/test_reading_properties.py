"""Reading a poll at once is reading each value alone, whatever the values are and however they are cut."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import kinds_of
from streams.engine.measure_read import EventReader
from streams.engine.measure_refusal import Fault
from tests.measure_builders import START_MS, catalogue, encoded, order

READER = EventReader(kinds_of("t.sales.v1"), catalogue())

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    ["event_id", "occurred_at", "amount", "line", "dimensions", "attributes", "discount", "x"]
)
events = st.one_of(
    st.just(order()),
    st.dictionaries(names, anything, max_size=2).map(lambda fields: order() | fields),
    st.text(max_size=8).map(lambda name: order(name)),
    st.sampled_from(["[", "]", "},{", '"', "\\", "\n", "}", "{"]).map(lambda mark: order(f"a{mark}b")),
)


@st.composite
def torn(draw: st.DrawFn) -> list[bytes]:
    """Several events as one text, cut anywhere: pieces that fit together again."""
    text = b",".join(draw(st.lists(events.map(encoded), min_size=1, max_size=3)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


values = st.one_of(
    events.map(lambda event: [encoded(event)]),
    torn(),
    st.binary(max_size=6).map(lambda value: [value]),
    st.sampled_from([[None], [b""], [b"{}"], [b"{}],[{}"], [b"{} "], [b'{"a":[{}', b"{}]}"]]),
)
polls = st.lists(values, max_size=6).map(lambda groups: [value for group in groups for value in group])


def same(one: Any, two: Any) -> bool:
    """Equal; not-a-number, which no event keeps, would not be."""
    return bool(one == two)


@settings(max_examples=100, deadline=None)
@given(polls, st.integers(1, 5))
def test_reading_at_once_is_reading_alone(poll: list[bytes | None], size: int) -> None:
    alone = [READER.read_one(value) for value in poll]
    for step in (size, max(1, len(poll))):
        for start in range(0, len(poll), step):
            batch = READER.read(poll[start : start + step])
            for at, event in enumerate(batch.events):
                assert same(batch.faults.get(at, event), alone[start + at])
                assert (event is None) == (at in batch.faults)


@settings(max_examples=100, deadline=None)
@given(st.decimals(-(10**12), 10**12, allow_nan=False, places=4), st.booleans(), st.integers(0, 20))
def test_money_is_what_was_written_or_refused(amount: Decimal, as_text: bool, zeros: int) -> None:
    raw = f"{amount:f}" + "0" * zeros
    value = encoded(order(amount="@")).replace(b'"@"', f'"{raw}"'.encode() if as_text else raw.encode())
    expected = amount * 100
    valid = expected == int(expected) and 0 <= expected <= 10**13
    [event], faults = READER.read([value])
    assert (event is not None) == valid == (not faults)
    assert event is None or event["amount"] == int(expected)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**13), st.integers(0, 30), st.integers(1, 99))
def test_a_digit_far_behind_the_point_is_never_lost(cents: int, zeros: int, tail: int) -> None:
    raw = f"{cents // 100}.{cents % 100:02}{'0' * zeros}{tail}"
    value = encoded(order(amount="@")).replace(b'"@"', raw.encode())
    read = READER.read_one(value)
    assert isinstance(read, Fault), raw
    assert READER.read([value, encoded(order())]).faults == {0: read}


@settings(max_examples=100, deadline=None)
@given(st.integers(START_MS, START_MS + 10**10), st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_the_same_in_every_zone(moment: int, zone: int) -> None:
    from datetime import datetime, timedelta, timezone

    local = datetime.fromtimestamp(moment / 1000, timezone(timedelta(minutes=zone)))
    text = local.isoformat(timespec="milliseconds")
    [event], _ = READER.read([json.dumps(order(at=text)).encode()])
    assert event is not None
    assert event["occurred_at"] == moment
