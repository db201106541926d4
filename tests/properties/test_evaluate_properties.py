"""Whatever arrives in whatever order and is killed whenever: windows hold what a recount holds, and the
same is told.

The recount below shares no code with the product: it keeps every event with the pane end at which it became
known and adds up anew, with plain integers, for each window.
"""

from itertools import pairwise
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas.period import CALENDAR
from schemas.records import ClosedPeriod, Rewrite
from streams.engine.evaluate import Evaluation, Outcome
from tests.evaluate_builders import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    constant,
    figures,
    previous,
    restart,
    rule,
    run,
    rung,
    told,
)
from tests.measure_stand_in import Event, MiniMeasure

RULES = [
    rule("few", expect=constant(40), window="24h"),
    rule("drop", expect=previous("2h"), scopes=[[], ["region"]]),
    rule("week", window="24h", expect=previous("7d"), minimum={"measure": "orders", "value": 3}),
    rule(
        "late",
        kpi="slowest",
        window="24h",
        compare="value",
        bad="above",
        scopes=[["channel"]],
        ladder={"orange": rung(40, 20, "45m"), "red": rung(80, 60)},
    ),
    rule(
        "quiet",
        window="day",
        scopes=[[], ["region"]],
        ladder={"red": rung(-1, 0)},
        quiet={"after": "3h", "tier": "orange"},
    ),
]
CATALOGUE = catalogue(RULES)
#: shrinking and explaining run the whole fold hundreds of times
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
Drawn = list[tuple[int, int, str, str, int, int]]
REGIONS, CHANNELS = ("East", "West", "North"), ("web", "shop")


steps = st.sampled_from([0, 0, 1, 1, 2, 7, 30, 60, 61, 200, 1440, 4000])
lateness = st.sampled_from([0, 0, 0, 0, 1, 3, 50, 100, 130, 800, 3000, 13_000])
events = st.lists(
    st.tuples(
        steps,
        lateness,
        st.sampled_from(REGIONS),
        st.sampled_from(CHANNELS),
        st.integers(0, 10_000),
        st.integers(0, 99_999),
    ),
    min_size=1,
    max_size=25,
)


def build(drawn: Drawn) -> list[Event]:
    """Events in the order of arrival; time moves on by steps, some come late."""
    now, found = MONDAY + 9 * HOUR, []
    for step, late, region, channel, amount, lag in drawn:
        now += step * MINUTE
        found.append(Event(now - late * MINUTE, (region, channel), amount, lag))
    return found


def measured(found: list[Event], cuts: set[int], close_ms: int = 3 * DAY) -> MiniMeasure:
    """A log made of these events, flushed after each cut, with an end far enough to let everything leave."""
    source = MiniMeasure(CellsLog(CATALOGUE))
    for number, event in enumerate(found):
        source.take(event)
        if number in cuts:
            source.flush()
    source.flush()
    for hours in range(0, close_ms // HOUR, 7):
        source.watermark = (source.watermark or 0) + 7 * HOUR
        source.stamp += 1 + hours % 1
        source.flush()
    return source


def edge(window: str, end: int) -> int:
    """The start of a window, by plain arithmetic in UTC."""
    if window in ("5m", "1h"):
        return end - {"5m": 5 * MINUTE, "1h": HOUR}[window]
    if window in ("24h", "7d"):
        return (end - {"24h": DAY, "7d": 7 * DAY}[window]) // HOUR * HOUR
    if window == "day":
        return (end - 1) // DAY * DAY
    if window == "week":
        return (end - 1 - MONDAY) // (7 * DAY) * 7 * DAY + MONDAY
    june, july = MONDAY, MONDAY + 30 * DAY
    return july if end > july else june if end > june else june - 31 * DAY


GRAINS = {"5m": "m", "1h": "m", "24h": "mh", "7d": "mh"}


def recount(
    seen: list[tuple[Event, str, int, int]], window: str, end: int, known: int
) -> dict[tuple[str, str], int | None]:
    """(KPI, scope) → value in stored units, over what was known by `known`."""
    start = edge(window, end)
    inside = [
        (event, grain)
        for event, grain, pane, known_end in seen
        if known_end <= known and start <= pane < end and grain in GRAINS.get(window, "mhd")
    ]
    found: dict[tuple[str, str], int | None] = {}
    for scope in ("", *REGIONS):
        mine = [event for event, _ in inside if scope in ("", event.leaf[0])]
        found["orders", scope] = len(mine)
        found["revenue", scope] = sum(event.amount for event in mine)
        found["slowest", scope] = max((event.lag for event in mine), default=None)
    return found


SCALE = {"orders": 1, "revenue": 100, "slowest": 1000}


@settings(max_examples=40, deadline=None, phases=QUICK)
@given(events, st.sets(st.integers(0, 40)))
def test_windows_hold_what_a_recount_holds_after_every_record(
    drawn: list[tuple[int, int, str, str, int, int]], cuts: set[int]
) -> None:
    source = measured(build(drawn), cuts)
    fold = Evaluation("a")
    last: dict[tuple[str, str, str], tuple[int, float]] = {}
    for record in source.log.records:
        fold.fold(*record)
        for outcome in fold.advance():
            for figure in outcome.figures:
                if not all(name in ("", "region") for name, _ in figure.scope):
                    continue
                scope = "".join(value for _, value in figure.scope)
                value = recount(source.seen, figure.window, figure.end_ms, outcome.end_ms)[figure.kpi, scope]
                assert value is not None
                assert figure.value == value / SCALE[figure.kpi], figure
                if figure.end_ms == outcome.end_ms:
                    last[figure.kpi, figure.window, scope] = (figure.end_ms, figure.value)
        if fold.frontier_ms is None:
            continue
        for window in ("5m", "1h", "24h", "7d", "day", "week", "month"):
            for (kpi, scope), value in recount(
                source.seen, window, fold.frontier_ms, fold.frontier_ms
            ).items():
                _, written = last.get((kpi, window, scope), (0, 0.0))
                if value is not None:
                    assert written == value / SCALE[kpi], (kpi, window, scope)
        now = {
            (f.kpi, f.window, "".join(v for _, v in f.scope)): f.value
            for f in fold.figures_now()
            if [n for n, _ in f.scope] != ["channel"]
        }
        for (kpi, window, scope), written in now.items():
            assert recount(source.seen, window, fold.frontier_ms, fold.frontier_ms)[kpi, scope] == round(
                written * SCALE[kpi]
            )


def everything(outcomes: list[Outcome]) -> tuple[list[object], dict[object, float]]:
    return [t.model_dump() for o in outcomes for t in o.transitions], dict(figures(outcomes))


@settings(max_examples=25, deadline=None, phases=QUICK)
@given(events, st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.randoms(use_true_random=False))
def test_any_batching_and_any_order_within_a_minute_tells_the_same(
    drawn: Drawn, one: set[int], other: set[int], random: Random
) -> None:
    found = build(drawn)
    shuffled: list[Event] = []
    group: list[Event] = []
    for before, event in pairwise([None, *found]):
        if before is None or event is None or event.at // MINUTE != before.at // MINUTE:
            random.shuffle(group)
            shuffled += group
            group = []
        if event is not None:
            group.append(event)
    random.shuffle(group)
    shuffled += group
    first = run(measured(found, one).log.records)
    second = run(measured(shuffled, other).log.records)
    assert everything(first) == everything(second)


@settings(max_examples=25, deadline=None, phases=QUICK)
@given(events, st.data())
def test_a_fold_that_is_killed_anywhere_tells_what_one_that_never_was_tells(
    drawn: Drawn, data: st.DataObject
) -> None:
    source = measured(build(drawn), set(range(0, 40, 3)))
    records = source.log.records
    whole = run(records)
    changelog: list[tuple[bytes, bytes | None]] = []
    fold, at, told_so_far = Evaluation("owner0"), 0, []
    owners = 0
    while at < len(records):
        upto = data.draw(st.integers(at + 1, len(records)), label="fed up to")
        uncommitted = run(records[at:upto], fold)
        fate = data.draw(
            st.sampled_from(["commit", "commit", "rows only", "nothing", "no tombstones"]), label="fate"
        )
        told_so_far += uncommitted
        if fate == "nothing":
            pass
        else:
            rows, commit_row = fold.commit()
            kept = rows if fate != "rows only" else rows[: data.draw(st.integers(0, len(rows)), label="rows")]
            changelog += kept
            if fate != "rows only":
                changelog.append(commit_row)
                if fate == "commit":
                    changelog += fold.confirmed()
        if fate == "commit" and data.draw(st.booleans(), label="lives on"):
            at = upto
            continue
        owners += 1
        fold = restart(changelog, f"owner{owners}")
        at = fold.replay_from
        if owners > 6 or upto == len(records):
            told_so_far += run(records[at:], fold)
            break
    transitions, values = everything(told_so_far)
    expected, expected_values = everything(whole)
    assert values == expected_values
    unique = [t for n, t in enumerate(transitions) if t not in transitions[:n]]
    assert unique == expected
    assert list(fold.tiers()) == list(_tiers_of(records))


def _tiers_of(records: list[tuple[int, int, bytes]]) -> list[object]:
    fold = Evaluation("b")
    run(records, fold)
    return list(fold.tiers())


Log = list[tuple[int, int, bytes]]


def asked_for_at(records: Log, at: int, asked: list[ClosedPeriod]) -> Log:
    """The log with one more record before the one at this place."""
    asks = Rewrite(periods=asked).model_dump_json().encode()
    after = [(offset + 1, time, value) for offset, time, value in records[at:]]
    return [*records[:at], (at, records[at - 1][1], asks), *after]


def periods_in(written: dict[tuple[str, str, str, int], float]) -> list[ClosedPeriod]:
    """Every figure of a calendar window that was written, whether its period ends there or not."""
    found = []
    for name, window, text, end in written:
        scope = {} if not text else {"region" if text in REGIONS else "channel": text}
        if window in CALENDAR:
            found.append(ClosedPeriod(kpi=name, window=window, end_ms=end, scope=scope))
    return found


@settings(max_examples=40, deadline=None, phases=QUICK)
@given(events, st.sets(st.integers(0, 40)), st.data())
def test_what_is_written_again_is_what_was_written_last_and_changes_nothing_else(
    drawn: Drawn, cuts: set[int], data: st.DataObject
) -> None:
    records = measured(build(drawn), cuts).log.records
    at = data.draw(st.integers(2, len(records)))
    fold = Evaluation("a")
    before = run(records[:at], fold)
    last = figures(before)
    log = asked_for_at(records, at, periods_in(last))
    again = figures(run([log[at]], fold))
    assert again == {name: last[name] for name in again}
    edges = {name for name in last if name[1] in ("day", "week", "month")}
    kept = (fold.frontier_ms or 0) - 400 * DAY
    closed = {name for name in edges if edge(name[1], name[3] + MINUTE) == name[3] > kept}
    assert closed <= set(again)
    plain = Evaluation("b")
    undisturbed = run(records, plain)
    whole = [*before, *run(log[at + 1 :], fold)]
    assert (figures(whole), told(whole)) == (figures(undisturbed), told(undisturbed))
    assert list(fold.tiers()) == list(plain.tiers())


@settings(max_examples=20, deadline=None, phases=QUICK)
@given(events, st.sets(st.integers(0, 40)), st.data())
def test_a_request_that_is_read_again_after_a_restart_changes_nothing(
    drawn: Drawn, cuts: set[int], data: st.DataObject
) -> None:
    records = measured(build(drawn), cuts).log.records
    at = data.draw(st.integers(2, len(records)))
    log = asked_for_at(records, at, periods_in(figures(run(records[:at]))))
    killed = data.draw(st.integers(at, len(log) - 1))
    committed = data.draw(st.integers(1, killed))
    fold = Evaluation("a")
    outcomes = run(log[:committed], fold)
    rows, commit_row = fold.commit()
    begin = fold.replay_from
    outcomes += run(log[committed:killed], fold)
    heir = restart([*rows, commit_row])
    outcomes += run(log[begin:], heir)
    plain = Evaluation("b")
    undisturbed = run(records, plain)
    assert figures(outcomes) == figures(undisturbed)
    assert set(told(outcomes)) == set(told(undisturbed))
    assert list(heir.tiers()) == list(plain.tiers())
