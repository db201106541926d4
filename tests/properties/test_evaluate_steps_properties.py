"""A close in steps, looked at and left anywhere, committed and killed between records, equals a close in one
go.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.evaluate import Evaluation, Outcome, columns, scopes, sums
from tests.evaluate_builders import CellsLog, restart, run
from tests.properties.test_evaluate_properties import QUICK, Drawn, build, events, everything, measured

#: before which step of a record who looks, or leaves the steps and begins anew
LOOKS = st.dictionaries(
    st.integers(0, 300), st.sampled_from(["figures", "verdicts", "tiers", "leave"]), max_size=6
)


@contextmanager
def small_steps() -> Iterator[None]:
    """Slices so small that a few events make several."""
    with (
        patch.object(columns, "_SLICE", 2),
        patch.object(scopes, "_SLICE", 1),
        patch.object(scopes, "_TOGETHER", 1),
        patch.object(scopes, "_STRANGERS", 1),
        patch.object(sums, "_TOGETHER", 1),
    ):
        yield


def stepped(fold: Evaluation, looks: dict[int, str]) -> list[Outcome]:
    """Exhaust the steps, looking at the fold or leaving the generator in between."""
    found, steps, at = [], fold.steps(), 0
    while True:
        try:
            outcome = next(steps)
        except StopIteration:
            return found
        if outcome is not None:
            found.append(outcome)
        look = looks.get(at)
        at += 1
        if look == "figures":
            list(fold.figures_now())
        elif look == "verdicts":
            list(fold.verdicts_now())
        elif look == "tiers":
            list(fold.tiers())
        elif look == "leave":
            steps = fold.steps()


def played(log: CellsLog, looks: dict[int, str], commits: set[int], kills: set[int]) -> list[Outcome]:
    """The log in steps; after some records a commit, after some of these a kill and a restart."""
    fold, changelog, outcomes, owners = Evaluation("owner0"), [], [], 0
    committed: list[Outcome] = []
    at = 0
    while at < len(log.records):
        fold.fold(*log.records[at])
        outcomes += stepped(fold, looks)
        at += 1
        if at % 20 in commits:
            rows, commit = fold.commit()
            changelog += [*rows, commit, *fold.confirmed()]
            committed += outcomes
            outcomes = []
        if at in kills and changelog:
            owners += 1
            kills = kills - {at}  # it may well come by here again
            fold, outcomes = restart(changelog, f"owner{owners}"), []
            at = fold.replay_from
    return committed + outcomes


@settings(max_examples=15, deadline=None, phases=QUICK)
@given(events, LOOKS, st.sets(st.integers(0, 19)), st.sets(st.integers(1, 60), max_size=4))
def test_a_close_in_steps_tells_what_a_close_in_one_go_tells(
    drawn: Drawn, looks: dict[int, str], commits: set[int], kills: set[int]
) -> None:
    log = measured(build(drawn), set(range(0, 40, 3))).log
    whole = run(log.records)
    with small_steps():
        found = played(log, looks, commits, kills)
    assert everything(found) == everything(whole)
    ends = [outcome.end_ms for outcome in found]
    assert ends == sorted(ends)
    if not kills:  # an heir may pass by a pane end at which an expectation would have moved by nothing
        assert ends == [outcome.end_ms for outcome in whole]
