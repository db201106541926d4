"""Two source partitions that run apart, fall silent and come back: nothing is lost, counted twice, or told
otherwise.

The oracle is the plain list of events; the product's state is also made anew from its rows after every step.
"""

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from streams.engine.evaluate import Evaluation
from tests.evaluate_builders import (
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    figures,
    kpi,
    ledger,
    previous,
    restart,
    rule,
    run,
    rung,
)
from tests.measure_stand_in import Event, MiniMeasure

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
RULES = [
    rule("drop", expect=previous("2h"), scopes=[[], ["region"]]),
    rule(
        "quiet",
        window="day",
        scopes=[[], ["region"]],
        ladder={"red": rung(-1, 0)},
        quiet={"after": "3h", "tier": "orange"},
    ),
    rule(
        "burst",
        on="update",
        compare="value",
        bad="above",
        scopes=[[], ["region"]],
        ladder={"yellow": rung(2, 1), "red": rung(4, 1)},
    ),
]
WINDOWS = ["5m", "1h", "24h", "7d", "day", "month", "year"]
CATALOGUE = catalogue(RULES, [kpi(name, windows=WINDOWS) for name in ("orders", "revenue", "slowest")])

#: which source, how far it goes on, how late the event is (−1: as old as its newest), where; or an idle spell
ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from([0, 1, 1, 3, 20, 59, 61, 200, 2000]),
        st.sampled_from([0, 0, -1, -1, 1, 2, 40, 150, 700]),
        st.sampled_from(["East", "West"]),
        st.sampled_from(["event", "event", "event", "flush", "idle"]),
    ),
    min_size=3,
    max_size=25,
)


def play(actions: list[Any]) -> tuple[CellsLog, list[Event]]:
    """The log of two partitions acting in turn, and every event in it."""
    log = CellsLog(CATALOGUE, partitions=2)
    sources = [MiniMeasure(log, ("sales", number)) for number in (0, 1)]
    now, events, idle = MONDAY + 9 * HOUR, [], [False, False]
    for number, source in enumerate(sources):
        log.put(ledger(None, stamp=-1, source=source.source, idle=True))
        idle[number] = True
    for number, step, late, region, what in actions:
        now += step * MINUTE
        log.timestamp = now
        source = sources[number]
        if what == "idle":
            source.flush()
            log.put(
                ledger(
                    source.watermark,
                    stamp=source.stamp,
                    source=source.source,
                    idle=True,
                    idle_ms=step * MINUTE,
                )
            )
            idle[number] = True
            continue
        if idle[number]:
            log.put(ledger(source.watermark, stamp=source.stamp, source=source.source, opened=True))
            idle[number] = False
        at = source.watermark if late < 0 and source.watermark is not None else now - abs(late) * MINUTE
        events.append(Event(at, (region, "web"), 100 + number, abs(late)))
        source.take(events[-1])
        if what == "flush":
            source.flush()
    for hours in range(1, 30, 4):
        log.timestamp = now + hours * HOUR
        for source in sources:
            source.watermark = now + hours * HOUR
            source.stamp += 1
            source.flush()
    return log, events


@settings(max_examples=40, deadline=None, phases=QUICK)
@given(ACTIONS)
def test_every_event_of_partitions_that_come_and_go_is_counted_once(actions: list[Any]) -> None:
    log, events = play(actions)
    fold = Evaluation("a")
    run(log.records, fold)
    year = {
        (figure.kpi, "".join(value for _, value in figure.scope)): figure.value
        for figure in fold.figures_now()
        if figure.window == "year"
    }
    for scope in ("", "East", "West"):
        mine = [event for event in events if scope in ("", event.leaf[0])]
        assert year.get(("orders", scope), 0) == len(mine)
        assert year.get(("revenue", scope), 0) == sum(event.amount for event in mine) / 100


@settings(max_examples=25, deadline=None, phases=QUICK)
@given(ACTIONS)
def test_a_state_made_of_its_rows_is_the_state_they_were_written_from(actions: list[Any]) -> None:
    log, _ = play(actions)
    fold, changelog = Evaluation("a"), []
    for number, record in enumerate(log.records):
        run([record], fold)
        if number % 3:
            continue
        rows, commit = fold.commit()
        changelog += [*rows, commit]
        changelog += fold.confirmed()
        heir = restart(changelog)
        assert heir.frontier_ms == fold.frontier_ms
        assert heir.replay_from == fold.replay_from
        assert list(heir.figures_now()) == list(fold.figures_now())
        assert list(heir.tiers()) == list(fold.tiers())


@settings(max_examples=25, deadline=None, phases=QUICK)
@given(ACTIONS, st.data())
def test_partitions_that_come_and_go_tell_the_same_after_a_kill(
    actions: list[Any], data: st.DataObject
) -> None:
    log, _ = play(actions)
    fold = Evaluation("a")
    whole = run(log.records, fold)
    killed, changelog = Evaluation("b"), []
    committed = data.draw(st.integers(1, len(log.records)))
    outcomes = run(log.records[:committed], killed)
    rows, commit = killed.commit()
    changelog = [*rows, commit, *killed.confirmed()]
    lost = data.draw(st.integers(committed, len(log.records)))
    outcomes += run(log.records[committed:lost], killed)
    if data.draw(st.booleans()):
        changelog += killed.commit()[0]
    heir = restart(changelog, "c")
    outcomes += run(log.records[heir.replay_from :], heir)
    told = [t.model_dump() for outcome in outcomes for t in outcome.transitions]
    unique = [t for n, t in enumerate(told) if t not in told[:n]]
    assert unique == [t.model_dump() for outcome in whole for t in outcome.transitions]
    assert figures(outcomes) == figures(whole)
    assert list(heir.figures_now()) == list(fold.figures_now())
    assert list(heir.tiers()) == list(fold.tiers())
