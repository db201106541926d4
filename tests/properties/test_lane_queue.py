"""A channel's queue against a list that is looked through from end to end, and what a step of it costs."""

import gc
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Notice
from streams.channels.lane import Lane, Room
from streams.channels.port import Pace
from tests.respond_builders import LADDER, card, notice

ROOM = Room(10_000, 2_000, 100)


@dataclass
class Plain:
    """One waiting notice, by what decides about it."""

    name: str
    key: str
    about: str
    red: bool
    ready_s: float = 0.0


class PlainLane:
    """What a lane should do where there is room for all, in the plainest way."""

    def __init__(self) -> None:
        self.waiting: list[Plain] = []
        self.sending: list[Plain] = []
        self.told: list[tuple[str, str]] = []

    def put(self, one: Plain) -> None:
        if one.name in {known.name for known in (*self.waiting, *self.sending)}:
            return
        if one.about != "due":
            older = [known for known in self.waiting if known.key == one.key and known.about != "due"]
            self.told += [(known.name, "dropped") for known in older]
            self.waiting = [known for known in self.waiting if known not in older]
        self.waiting.append(one)

    def next(self, now_s: float, *, shared: bool) -> set[str]:
        ready = [one for one in self.waiting if one.ready_s <= now_s]
        ready.sort(key=lambda one: not one.red)
        if ready:
            first = ready[0]
            self.sending = [
                one
                for one in ready
                if one is first
                or (shared and (one.key, one.about, one.red) == (first.key, first.about, first.red))
            ]
            self.waiting = [one for one in self.waiting if one not in self.sending]
        return {one.name for one in self.sending}

    def back(self, ready_s: float | None) -> None:
        for one in self.sending:
            one.ready_s = one.ready_s if ready_s is None else ready_s
        self.waiting[:0] = self.sending
        self.sending = []

    def end(self, outcome: str) -> None:
        self.told += [(one.name, outcome) for one in self.sending]
        self.sending = []


def made(one: Plain) -> Notice:
    tier = "red" if one.red else "yellow"
    facts = card(tier=tier)
    return notice(one.name, key=one.key, incident=one.key, about=one.about, tier=tier, facts=facts)


puts = st.builds(
    Plain,
    st.integers(0, 30).map(str),
    st.sampled_from("abc"),
    st.sampled_from(["transition", "resolved", "due"]),
    st.booleans(),
)
steps = st.lists(st.one_of(puts, st.sampled_from(["sent", "failed", "again", "let go", "wait"])), max_size=60)


@given(steps, st.booleans())
def test_a_lane_sends_what_a_plain_list_would(given_steps: list[Plain | str], shared: bool) -> None:
    lane = Lane(Pace(10_000, 1.0), ROOM, LADDER[1:], shared=shared)
    plain, now_s = PlainLane(), 0.0
    for step in given_steps:
        if isinstance(step, Plain):
            plain.put(Plain(step.name, step.key, step.about, step.red))
            lane.put(made(step))
        elif step == "wait":
            now_s += 1.0
        else:
            expected = plain.next(now_s, shared=shared)
            found = lane.next(now_s)
            assert (found is None) == (not expected)
            if found is None:
                continue
            assert {one.notice.id for one in lane._sending} == expected
            if step in ("again", "let go"):
                ready_s = now_s + 2.5 if step == "again" else None
                lane.again(now_s, ready_s) if ready_s is not None else lane.let_go()
                plain.back(ready_s)
            else:
                lane.sent(now_s) if step == "sent" else lane.gave_up(now_s, "away")
                plain.end(step)
        assert len(lane) == len(plain.waiting)
        waits = [one.ready_s - now_s for one in plain.waiting]
        assert lane.wait(now_s) == (max(min(waits), 0.0) if waits else None)
    assert sorted((one.notice, one.outcome) for one in lane.receipts) == sorted(plain.told)


def calls_of(step) -> int:
    """How many functions, generators among them, are entered meanwhile."""
    count = 0

    def look(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()  # Hypothesis is called whenever garbage is looked for
    sys.setprofile(look)
    try:
        step()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def costs(waiting: int) -> dict[str, int]:
    """The calls of each step of a lane in which so many wait."""
    lane = Lane(Pace(waiting, 1.0), ROOM, LADDER[1:], shared=True)
    ones = [made(Plain(f"n{number}", f"k{number}", "transition", red=False)) for number in range(waiting)]
    for one in ones:
        lane.put(one)
    newer = made(Plain("newer", f"k{waiting - 1}", "resolved", red=False))
    return {
        "put": calls_of(lambda: lane.put(newer)),
        "known": calls_of(lambda: lane.put(newer)),
        "wait": calls_of(lambda: lane.wait(0.0)),
        "next": calls_of(lambda: lane.next(0.0)),
        "sent": calls_of(lambda: lane.sent(0.0)),
    }


@pytest.mark.parametrize("waiting", [1_000])
def test_a_step_costs_the_same_however_many_wait(waiting: int) -> None:
    assert costs(waiting) == costs(300)
