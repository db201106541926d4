"""The engine, undisturbed, against the oracle: no difference; and no mistake made here goes unseen."""

from functools import cache
from math import nextafter
from random import Random

import pytest

from tests.faults.engine_run import Run, load, recount, run
from tests.faults.oracle.counted import Counted
from tests.faults.oracle.figures import Series
from tests.faults.oracle.points import Difference, Points, compare, read_points, series_text
from tests.faults.oracle.shape import read_shape

SHAPE = read_shape()
SEED = 20261231


@cache
def played() -> tuple[Run, list[Counted]]:
    log = load(SEED)
    return run(log), recount(log, SHAPE)


def points() -> Points:
    return read_points(played()[0].lines)


def differences(found: Points, events: list[Counted], limit: int = 50) -> list[Difference]:
    return compare(found, events, played()[0].last_end_ms, SHAPE, limit)


@pytest.fixture(scope="module")
def events() -> list[Counted]:
    return played()[1]


def test_the_load_has_late_events_of_every_grain_and_every_kind(events: list[Counted]) -> None:
    grains = [event.grain for event in events]
    late = [event for event in events if event.enters_ms > event.start_ms + 60_000 and event.grain == "m"]
    assert min(len(late), grains.count("h"), grains.count("d")) > 10
    assert {event.event["kind"] for event in events} == {"order", "refund", "review", "complaint", "mention"}


def test_the_engine_without_faults_writes_what_the_oracle_says(events: list[Counted]) -> None:
    assert [str(difference) for difference in differences(points(), events)] == []
    assert len(points()) > 10_000


def test_comparison_sees_every_point_that_is_dropped_and_every_bit_that_is_changed(
    events: list[Counted],
) -> None:
    found, rng = points(), Random(1)
    needed = _changing(found)
    rng.shuffle(needed)
    one_of_each = list({series: (series, time) for series, time in needed}.values())
    dropped, changed = one_of_each[::2], one_of_each[1::2]
    for key in dropped:
        del found[key]
    for key in changed:
        found[key]["value"] = nextafter(float(found[key]["value"]), 10**9)
    expected = {("missing", *key) for key in dropped} | {("wrong", *key) for key in changed}
    assert {(one.what, one.series, one.time_ms) for one in differences(found, events, 10**6)} == expected
    assert min(len(dropped), len(changed)) > 10


def _changing(found: Points) -> list[tuple[str, int]]:
    """Points of sums over five minutes whose value is not that of the point before."""
    before: dict[str, object] = {}
    needed = []
    for series, time in sorted(found):
        if "window=5m" in series and any(f"kpi={kpi}," in series for kpi in ("units", "orders", "revenue")):
            value = found[series, time]["value"]
            if value != before.get(series, 0.0):
                needed.append((series, time))
            before[series] = value
    return needed


def test_comparison_sees_an_event_that_is_left_out(events: list[Counted]) -> None:
    is_plain = [
        event.event["kind"] == "order" and event.enters_ms == event.start_ms + 60_000 for event in events
    ]
    orders = [at for at, plain in enumerate(is_plain) if plain]
    left_out = Random(2).choice(orders)
    one = events[left_out]
    found = {
        (difference.series, difference.time_ms)
        for difference in differences(points(), [*events[:left_out], *events[left_out + 1 :]], 10**6)
    }
    named = tuple(zip(SHAPE.dimensions, one.leaf, strict=True))
    for scope in ((), (named[1],), named[:2]):
        assert (series_text(Series("units", "month", scope)), one.enters_ms) in found
