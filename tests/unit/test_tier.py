"""Rungs entered, held, left; quiet over the ladder; what is told early."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.rule import Rule
from streams.decisions.tier import Ladder, Step, TierState, due, foretell, judge, ladder_of, tell
from tests.evaluate_builders import rule, rung

M = 60_000
BELOW = Ladder(
    (Step("yellow", 0.9, 0.95, 3 * M), Step("orange", 0.8, 0.85, M), Step("red", 0.5, 0.6, 0)), "below"
)
ABOVE = Ladder((Step("yellow", 1.0, 0.0, 0), Step("red", 5.0, 3.0, 0)), "above")
REST = TierState()


def walk(
    ladder: Ladder, departures: list[float | None], state: TierState = REST
) -> list[tuple[int, str, str]]:
    """Pane end in minutes, tier left and tier entered, of every move."""
    moved = []
    for minute, departure in enumerate(departures, 1):
        state = judge(ladder, state, departure, minute * M)
        state, moves = tell(ladder, state, minute * M)
        moved += [(minute, ladder.tier(move.left), ladder.tier(move.entered)) for move in moves]
    return moved


def test_a_rung_is_entered_when_its_hold_has_elapsed() -> None:
    #  minute      1    2    3    4
    #  0.95 ─ ─ ─
    #  0.90 ─ ─ ─  ●────●────●────●      beyond for 3 minutes at minute 4
    assert walk(BELOW, [0.9, 0.9, 0.9, 0.9]) == [(4, "none", "yellow")]


def test_a_hold_begins_anew_when_the_departure_was_back_in_between() -> None:
    assert walk(BELOW, [0.9, 0.9, 0.92, 0.9, 0.9, 0.9]) == []
    assert walk(BELOW, [0.9, 0.9, 0.92, 0.9, 0.9, 0.9, 0.9]) == [(7, "none", "yellow")]


def test_the_gravest_rung_decides_and_every_rung_is_passed() -> None:
    assert walk(BELOW, [0.5]) == [(1, "none", "yellow"), (1, "yellow", "orange"), (1, "orange", "red")]


def test_a_graver_rung_with_a_shorter_hold_comes_first() -> None:
    assert walk(BELOW, [0.8, 0.8]) == [(2, "none", "yellow"), (2, "yellow", "orange")]


def test_between_exit_and_enter_the_tier_stays() -> None:
    #  0.60 ─ ─ ─ exit of red
    #  0.55 ─────●                 stays red
    #  0.50 ─ ●
    moved = walk(BELOW, [0.5, 0.55, 0.59, 0.6])
    assert moved[3:] == [(4, "red", "orange")]


def test_coming_back_passes_every_rung_down() -> None:
    assert walk(BELOW, [0.5, 1.0])[3:] == [
        (2, "red", "orange"),
        (2, "orange", "yellow"),
        (2, "yellow", "none"),
    ]


def test_without_a_judgement_the_tier_stays_and_holds_begin_anew() -> None:
    assert walk(BELOW, [0.5, None, None])[3:] == []
    assert walk(BELOW, [0.9, 0.9, 0.9, None, 0.9]) == []


@pytest.mark.parametrize(("departure", "tier"), [(0.99, 0), (1.0, 1), (4.99, 1), (5.0, 2)])
def test_above_is_beyond_from_the_number_on(departure: float, tier: int) -> None:
    assert judge(ABOVE, REST, departure, M).level == tier


def test_where_exit_and_enter_are_one_number_the_rung_is_left_behind_it() -> None:
    ladder = Ladder((Step("red", 1.0, 1.0, 0),), "above")
    assert walk(ladder, [1.0, 1.0, 0.9]) == [(1, "none", "red"), (3, "red", "none")]


@pytest.mark.parametrize(("departure", "level"), [(1.04, 0), (1.06, 1), (0.96, 0), (0.94, 1)])
def test_outside_of_a_ratio_is_measured_from_one(departure: float, level: int) -> None:
    changed = rule("r", bad="outside", compare="ratio", ladder={"red": rung(0.05, 0.04)})
    ladder = ladder_of(Rule.model_validate(changed), ["red"])
    assert judge(ladder, REST, departure, M).level == level


@pytest.mark.parametrize(("departure", "level"), [(0.04, 0), (-0.06, 1), (0.06, 1)])
def test_outside_of_a_difference_is_measured_from_nothing(departure: float, level: int) -> None:
    changed = rule("r", bad="outside", compare="difference", ladder={"red": rung(0.05, 0.04)})
    ladder = ladder_of(Rule.model_validate(changed), ["red"])
    state = judge(ladder, REST, departure, M)
    assert (state.level, judge(ladder, state, 0.0, 2 * M).level) == (level, 0)


def quiet_ladder(**changes: Any) -> Ladder:
    """Yellow by the ladder, orange by being quiet."""
    given = {"ladder": {"yellow": rung(0.8, 0.9), "red": rung(0.5, 0.6)}, **changes}
    return ladder_of(
        Rule.model_validate(rule("r", quiet={"after": "15m", "tier": "orange"}, **given)),
        ["blue", "yellow", "orange", "red"],
    )


def test_a_quiet_scope_is_at_least_at_the_quiet_tier() -> None:
    ladder = quiet_ladder()
    assert [step.tier for step in ladder.steps] == ["yellow", "orange", "red"]
    state, moves = tell(ladder, TierState(quiet=True), M)
    assert [(ladder.tier(move.entered), move.cause, move.threshold) for move in moves] == [
        ("yellow", "quiet", None),
        ("orange", "quiet", None),
    ]
    _, back = tell(ladder, replace(state, quiet=False), 2 * M, "heard")
    assert [(ladder.tier(move.entered), move.cause) for move in back] == [
        ("yellow", "heard"),
        ("none", "heard"),
    ]


def test_the_ladder_counts_under_the_quiet() -> None:
    ladder = quiet_ladder()
    worse = judge(ladder, TierState(quiet=True), 0.4, M)
    state, moves = tell(ladder, worse, M)
    assert [(ladder.tier(move.entered), move.cause) for move in moves] == [
        ("yellow", "worse"), ("orange", "worse"), ("red", "worse"),
    ]  # fmt: skip
    _, back = tell(ladder, replace(state, quiet=False), 2 * M, "heard")
    assert back == []


def test_a_step_that_only_quiet_enters_is_passed_on_the_way() -> None:
    ladder = quiet_ladder()
    state = judge(ladder, REST, 0.4, M)
    assert ladder.tier(state.level) == "red"
    assert ladder.tier(judge(ladder, state, 0.7, 2 * M).level) == "yellow"


def test_the_next_due_is_the_first_hold_that_is_running() -> None:
    state = judge(BELOW, REST, 0.8, 10 * M)
    assert due(BELOW, state) == 11 * M
    held = judge(BELOW, state, 0.8, 11 * M)
    assert (held.level, due(BELOW, held)) == (2, None)
    assert due(BELOW, REST) is None


def test_early_only_the_way_up_is_told_and_stands_until_its_pane_has_closed() -> None:
    #  closes at      1m      2m      3m
    #  told early              ▲ 3m
    state, moves = foretell(ABOVE, REST, 1.0, 3 * M)
    assert [(move.left, move.entered, move.since_ms) for move in moves] == [(0, 1, 3 * M)]
    closed = judge(ABOVE, state, 0.0, 2 * M)
    assert tell(ABOVE, closed, 2 * M) == (closed, [])
    confirmed = judge(ABOVE, closed, 1.0, 3 * M)
    assert tell(ABOVE, confirmed, 3 * M)[1] == []
    _, back = tell(ABOVE, judge(ABOVE, closed, 0.0, 3 * M), 3 * M)
    assert [(move.left, move.entered, move.cause) for move in back] == [(1, 0, "better")]


def test_what_was_told_already_is_not_told_early_again() -> None:
    state, _ = foretell(ABOVE, REST, 5.0, 3 * M)
    assert foretell(ABOVE, state, 4.0, 3 * M) == (state, [])


def test_moves_of_one_pane_end_have_their_places_up_then_down() -> None:
    up = [BELOW.seq(left, left + 1) for left in range(3)]
    down = [BELOW.seq(left, left - 1) for left in (3, 2, 1)]
    assert up + down == [0, 1, 2, 3, 4, 5]


def test_a_state_at_rest_is_as_if_nothing_had_been() -> None:
    assert REST.rests
    assert judge(BELOW, REST, 1.0, M).rests
    assert not judge(BELOW, REST, 0.9, M).rests
    assert not TierState(quiet=True).rests


def test_a_ladder_knows_its_tiers() -> None:
    assert [BELOW.level(tier) for tier in ("none", "yellow", "red", "blue")] == [0, 1, 3, None]
