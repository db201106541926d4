"""The graded alert state of one rule at one scope, and how a pane end changes it.

Decides which rungs are entered and left, from the comparison's result and event time alone. Knows nothing of
windows, KPIs or where the number comes from.

A rung is entered when the departure has been at or beyond its `enter` at every judged pane end for `hold`;
the gravest rung that qualifies decides, and every rung on the way is passed. A rung is left as soon as the
departure is back at its `exit` (and no longer beyond `enter`). Without a judgement the tier stays and holds
begin anew. Quiet lies over the ladder: a scope that is quiet is at least at the quiet tier, whatever its
ladder says. What was told early (`on: update`) stands until its own pane end has closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from schemas.records import Cause
from schemas.rule import Rule
from schemas.tier import NONE
from streams.windows.panes import ceil_minute


class Step(NamedTuple):
    """One step of the ladder: None where the tier is only entered by being quiet."""

    tier: str
    enter: float | None
    exit: float | None
    hold_ms: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """The steps of one rule from mild to grave, and the side on which trouble lies.

    `centre` is what `outside` measures from: 1 for a ratio, else 0.
    """

    steps: tuple[Step, ...]
    bad: str
    centre: float = 0.0
    quiet_level: int = 0

    def beyond(self, departure: float, enter: float | None) -> bool:
        """Whether the departure is at or beyond this number on the bad side."""
        if enter is None:
            return False
        if self.bad == "below":
            return departure <= enter
        return (departure if self.bad == "above" else abs(departure - self.centre)) >= enter

    def back(self, departure: float, step: Step) -> bool:
        """Whether the departure has come back over the step's `exit`."""
        if step.exit is None:
            return True
        if self.beyond(departure, step.enter):
            return False
        if self.bad == "below":
            return departure >= step.exit
        return (departure if self.bad == "above" else abs(departure - self.centre)) <= step.exit

    def seq(self, left: int, entered: int) -> int:
        """The place of a move among those of one pane end: up from mild to grave, then down.

        Told early or at the close, a move has the same place.
        """
        return left if entered > left else 2 * len(self.steps) - left

    def tier(self, level: int) -> str:
        """The tier of a level; 0 is none."""
        return self.steps[level - 1].tier if level else NONE

    def level(self, tier: str) -> int | None:
        """The level of a tier, None when the ladder has not got it."""
        names = [NONE, *(step.tier for step in self.steps)]
        return names.index(tier) if tier in names else None


def ladder_of(rule: Rule, order: Sequence[str]) -> Ladder:
    """The ladder of a rule; `order` is the catalogue's, from mild to grave."""
    names = set(rule.ladder) | ({rule.quiet.tier} if rule.quiet else set())
    steps = []
    for tier in sorted(names, key=list(order).index):
        rung = rule.ladder.get(tier)
        if rung is None:
            steps.append(Step(tier, None, None, 0))
        else:
            steps.append(Step(tier, rung.enter, rung.exit, rung.hold.ms))
    quiet = [step.tier for step in steps].index(rule.quiet.tier) + 1 if rule.quiet else 0
    return Ladder(tuple(steps), rule.bad, 1.0 if rule.compare == "ratio" else 0.0, quiet)


@dataclass(frozen=True, slots=True)
class TierState:
    """Where one scope stands.

    `level`: what its ladder says. `shown`: what has been told. `pending`: per step, the pane end since
    which the departure has been beyond it, None where it is not. `since_ms`: when `shown` was entered.
    `told_ms`: the pane end up to which an early telling stands.
    """

    level: int = 0
    shown: int = 0
    pending: tuple[int | None, ...] = ()
    since_ms: int = 0
    quiet: bool = False
    told_ms: int = 0

    @property
    def rests(self) -> bool:
        """Whether it is as if nothing had ever been."""
        return not (
            self.level or self.shown or self.quiet or any(since is not None for since in self.pending)
        )


class Move(NamedTuple):
    """One rung up or down: levels left and entered, why, the number that was crossed, and since when."""

    left: int
    entered: int
    cause: Cause
    threshold: float | None
    since_ms: int


def judge(ladder: Ladder, state: TierState, departure: float | None, end_ms: int) -> TierState:
    """The state after a pane end with this departure (None: no judgement); tells nobody yet.

    >>> ladder = Ladder((Step("yellow", 0.9, 0.95, 60_000), Step("red", 0.5, 0.6, 0)), "below")
    >>> state = judge(ladder, TierState(), 0.8, 60_000)
    >>> state.level, judge(ladder, state, 0.85, 120_000).level
    (0, 1)
    """
    if departure is None:
        return replace(state, pending=(None,) * len(ladder.steps))
    before = state.pending or (None,) * len(ladder.steps)
    pending = tuple(
        (end_ms if since is None else since) if ladder.beyond(departure, step.enter) else None
        for step, since in zip(ladder.steps, before, strict=True)
    )
    level = state.level
    for number, (step, since) in enumerate(zip(ladder.steps, pending, strict=True), 1):
        if since is not None and end_ms - since >= step.hold_ms:
            level = max(level, number)
    while level and ladder.back(departure, ladder.steps[level - 1]):
        level -= 1
    return replace(state, level=level, pending=pending)


def tell(
    ladder: Ladder, state: TierState, end_ms: int, why: Cause | None = None
) -> tuple[TierState, list[Move]]:
    """What has to be told now, one rung at a time, and the state in which it has been told.

    `why` names what changed besides the ladder: quiet, heard, removed. Downward nothing is told before the
    pane end that was told early has closed.
    """
    target = max(state.level, ladder.quiet_level if state.quiet else 0)
    if target < state.shown and end_ms < state.told_ms:
        return state, []
    moves: list[Move] = []
    shown = state.shown
    while shown < target:
        moves.append(_up(ladder, state, shown, end_ms))
        shown += 1
    while shown > target:
        threshold = ladder.steps[shown - 1].exit if why is None else None
        moves.append(Move(shown, shown - 1, why or "better", threshold, state.since_ms))
        shown -= 1
    if not moves:
        return state, []
    return replace(state, shown=shown, since_ms=end_ms), moves


def remove(ladder: Ladder, state: TierState, end_ms: int) -> list[Move]:
    """The way down to none, rung by rung, of a scope that nobody judges any more."""
    rests = replace(state, level=0, quiet=False, pending=(), told_ms=0)
    return tell(ladder, rests, end_ms, "removed")[1]


def _up(ladder: Ladder, state: TierState, shown: int, end_ms: int) -> Move:
    step = ladder.steps[shown]
    since = state.pending[shown] if state.pending else None
    quiet = state.level <= shown
    return Move(
        shown, shown + 1, "quiet" if quiet else "worse", None if quiet else step.enter, since or end_ms
    )


def due(ladder: Ladder, state: TierState) -> int | None:
    """The next pane end at which a hold elapses, None when none is running.

    >>> ladder = Ladder((Step("yellow", 0.9, 0.95, 90_000),), "below")
    >>> due(ladder, judge(ladder, TierState(), 0.8, 60_000))
    180000
    """
    waits = [
        ceil_minute(since + step.hold_ms)
        for step, since in zip(ladder.steps[state.level :], state.pending[state.level :], strict=False)
        if since is not None
    ]
    return min(waits, default=None)


def foretell(ladder: Ladder, state: TierState, departure: float, end_ms: int) -> tuple[TierState, list[Move]]:
    """Tell early what the pane that ends at `end_ms`, still open, has already made certain: only upward."""
    early = judge(ladder, state, departure, end_ms)
    if early.level <= state.shown:
        return state, []
    _, moves = tell(ladder, early, end_ms)
    return replace(state, shown=early.level, since_ms=end_ms, told_ms=end_ms), moves
