"""The tier machine against a naive model that looks at the whole history at every pane end."""

from hypothesis import given
from hypothesis import strategies as st

from streams.decisions.tier import Ladder, Step, TierState, due, judge, tell

M = 60_000
STEPS = (Step("a", 0.9, 0.95, 3 * M), Step("b", 0.7, 0.8, M), Step("c", 0.5, 0.65, 0))


def mirrored(bad: str) -> Ladder:
    """The same ladder on the other side."""
    if bad == "below":
        return Ladder(STEPS, bad)
    return Ladder(tuple(Step(s.tier, -(s.enter or 0), -(s.exit or 0), s.hold_ms) for s in STEPS), bad)


def naive(history: list[tuple[int, float | None]], sign: float) -> int:
    """The level after a history of (minute, departure), by the words of the specification."""
    level = 0
    for index, (minute, departure) in enumerate(history):
        if departure is None:
            continue
        for number, step in enumerate(STEPS, 1):
            enter = sign * (step.enter or 0)
            begin = minute
            for earlier, before in reversed(history[: index + 1]):
                if before is None or sign * before > sign * enter:
                    break
                begin = earlier
            if sign * departure <= sign * enter and (minute - begin) * M >= step.hold_ms:
                level = max(level, number)
        while level and sign * departure >= sign * sign * (STEPS[level - 1].exit or 0):
            level -= 1
    return level


departures = st.one_of(
    st.none(), st.sampled_from([0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 0.92, 0.95, 1.0])
)
histories = st.lists(st.tuples(st.integers(1, 3), departures), max_size=25)


@given(histories, st.sampled_from(["below", "above"]))
def test_the_level_is_what_the_naive_model_says(drawn: list[tuple[int, float | None]], bad: str) -> None:
    sign = 1.0 if bad == "below" else -1.0
    ladder, state, minute = mirrored(bad), TierState(), 0
    history: list[tuple[int, float | None]] = []
    for step, departure in drawn:
        minute += step
        signed = None if departure is None else sign * departure
        history.append((minute, signed))
        state = judge(ladder, state, signed, minute * M)
        assert state.level == naive(history, sign)


@given(histories)
def test_what_is_told_leads_from_tier_to_tier_by_single_rungs(drawn: list[tuple[int, float | None]]) -> None:
    ladder, state, minute, shown = Ladder(STEPS, "below"), TierState(), 0, 0
    for step, departure in drawn:
        minute += step
        state = judge(ladder, state, departure, minute * M)
        state, moves = tell(ladder, state, minute * M)
        for move in moves:
            assert move.left == shown
            assert abs(move.entered - move.left) == 1
            shown = move.entered
        assert shown == state.shown == state.level


@given(histories)
def test_a_departure_that_stays_changes_nothing_before_the_next_due(
    drawn: list[tuple[int, float | None]],
) -> None:
    ladder, state, minute = Ladder(STEPS, "below"), TierState(), 0
    for step, departure in drawn:
        minute += step
        state = judge(ladder, state, departure, minute * M)
        until = due(ladder, state)
        if departure is None:
            assert until is None
            continue
        last = minute + 20 if until is None else until // M - 1
        for between in range(minute + 1, last + 1):
            assert judge(ladder, state, departure, between * M).level == state.level
        if until is not None:
            assert judge(ladder, state, departure, until).level > state.level
