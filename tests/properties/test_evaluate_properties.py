"""Whatever arrives in whatever order and is killed whenever: windows hold what a recount holds, and the same is told.

The recount below shares no code with the product: it keeps every event with the pane end at which it became known
and adds up anew, with plain integers, for each window.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas.catalogue import Catalogue
from streams.engine.evaluate import Evaluation, Outcome
from tests.evaluate_builders import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    figures,
    ledger,
    page,
    restart,
    rule,
    run,
    told,
)

RULES = [
    rule("few", expect={"from": "constant", "value": 40}, window="24h"),
    rule("drop", window="1h", expect={"from": "previous", "ago": "2h"}, scopes=[[], ["region"]]),
    rule("week", window="24h", expect={"from": "previous", "ago": "7d"}, minimum={"measure": "orders", "value": 3}),
    rule("late", kpi="slowest", window="24h", compare="value", bad="above", scopes=[["channel"]],
         expect={"from": "constant", "value": 0},
         ladder={"orange": {"enter": 40, "exit": 20, "hold": "45m"}, "red": {"enter": 80, "exit": 60, "hold": "0m"}}),
    rule("quiet", window="day", scopes=[[], ["region"]], ladder={"red": {"enter": -1, "exit": 0, "hold": "0m"}},
         quiet={"after": "3h", "tier": "orange"}),
]  # fmt: skip
CATALOGUE = catalogue(RULES)
#: shrinking and explaining run the whole fold hundreds of times
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
REGIONS, CHANNELS = ("East", "West", "North"), ("web", "shop")


@dataclass(frozen=True)
class Event:
    """One order: when, where, how much; `lag` is its delay."""

    at: int
    leaf: tuple[str, str]
    amount: int
    lag: int


@dataclass
class MiniMeasure:
    """One source partition, as stage one is specified to be: absolute pages by pane and known pane."""

    log: CellsLog
    source: tuple[str, int] = ("sales", 0)
    watermark: int | None = None
    pages: dict[tuple[str, int, int], dict[tuple[str, str], dict[str, int]]] = field(default_factory=dict)
    dirty: set[tuple[str, int, int]] = field(default_factory=set)
    stamp: int = 0
    seen: list[tuple[Event, str, int, int]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Count one event in the page it belongs to."""
        self.stamp += 1
        mark = self.watermark if self.watermark is not None else -(10**15)
        minute = event.at // MINUTE * MINUTE
        if minute + MINUTE > mark:
            key = ("m", minute, minute)
        else:
            known = mark // MINUTE * MINUTE
            if minute >= known - 2 * HOUR:
                key = ("m", minute, known)
            elif minute >= known - 8 * DAY:
                key = ("h", event.at // HOUR * HOUR, known)
            else:
                key = ("d", event.at // DAY * DAY, known)
        cell = self.pages.setdefault(key, {}).setdefault(event.leaf, {"order.count": 0, "order.sum.amount": 0})
        cell["order.count"] += 1
        cell["order.sum.amount"] += event.amount
        cell["order.max.delay"] = max(event.lag, cell.get("order.max.delay", 0))
        self.dirty.add(key)
        self.seen.append((event, key[0], key[1], key[2] + MINUTE))
        self.watermark = max(mark, event.at)

    def flush(self) -> None:
        """Send what changed, then the ledger."""
        for grain, start, known in sorted(self.dirty):
            cells = self.pages[grain, start, known]
            self.log.put(
                page(self.log.layout, cells, start, stamp=self.stamp, known=known, grain=grain, source=self.source)
            )
        self.dirty.clear()
        self.log.put(ledger(self.watermark, stamp=self.stamp, source=self.source))


steps = st.sampled_from([0, 0, 1, 1, 2, 7, 30, 60, 61, 200, 1440, 4000])
lateness = st.sampled_from([0, 0, 0, 0, 1, 3, 50, 100, 130, 800, 3000, 13_000])
events = st.lists(
    st.tuples(
        steps, lateness, st.sampled_from(REGIONS), st.sampled_from(CHANNELS), st.integers(0, 10_000), st.integers(0, 99_999)
    ),
    min_size=1,
    max_size=25,
)


def build(drawn: list[tuple[int, int, str, str, int, int]]) -> list[Event]:
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


def recount(seen: list[tuple[Event, str, int, int]], window: str, end: int, known: int) -> dict[tuple[str, str], int | None]:
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
def test_windows_hold_what_a_recount_holds_after_every_record(drawn: list[tuple[int, int, str, str, int, int]], cuts: set[int]) -> None:
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
            for (kpi, scope), value in recount(source.seen, window, fold.frontier_ms, fold.frontier_ms).items():
                _, written = last.get((kpi, window, scope), (0, 0.0))
                if value is not None:
                    assert written == value / SCALE[kpi], (kpi, window, scope)
        now = {(f.kpi, f.window, "".join(v for _, v in f.scope)): f.value for f in fold.figures_now() if [n for n, _ in f.scope] != ["channel"]}
        for (kpi, window, scope), written in now.items():
            assert recount(source.seen, window, fold.frontier_ms, fold.frontier_ms)[kpi, scope] == round(written * SCALE[kpi])


def everything(outcomes: list[Outcome]) -> tuple[list[object], dict[object, float]]:
    return [t.model_dump() for o in outcomes for t in o.transitions], dict(figures(outcomes))


@settings(max_examples=25, deadline=None, phases=QUICK)
@given(events, st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.randoms(use_true_random=False))
def test_any_batching_and_any_order_within_a_minute_tells_the_same(drawn, one, other, random) -> None:
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
def test_a_fold_that_is_killed_anywhere_tells_what_one_that_never_was_tells(drawn, data) -> None:
    source = measured(build(drawn), set(range(0, 40, 3)))
    records = source.log.records
    whole = run(records)
    changelog: list[tuple[bytes, bytes | None]] = []
    fold, at, told_so_far = Evaluation("owner0"), 0, []
    owners = 0
    while at < len(records):
        upto = data.draw(st.integers(at + 1, len(records)), label="fed up to")
        uncommitted = run(records[at:upto], fold)
        fate = data.draw(st.sampled_from(["commit", "commit", "rows only", "nothing", "no tombstones"]), label="fate")
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
