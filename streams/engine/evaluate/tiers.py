"""The tier states of all rules at all scopes, and the clocks that run on them.

Keeps states, knows when the next hold or silence falls due, and which scopes of a rule have been heard when.
Decides with `streams/decisions/tier.py`; knows nothing of values or windows.
"""

import heapq
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from schemas.period import DAY_MS
from schemas.records import Cause
from streams.decisions.tier import Move, TierState, due, foretell, judge, tell
from streams.engine.evaluate.columns import Ints, Rows
from streams.engine.evaluate.plans import Mask, RulePlan
from streams.engine.evaluate.steps import Steps
from streams.windows.panes import ceil_minute

#: a scope that sent nothing for so long is no longer expected
MEMORY_MS = 7 * DAY_MS
_REST = TierState()


class RuleTiers:
    """One rule: states of the scopes that are not at rest, and when each scope was last heard (0: never)."""

    def __init__(self, plan: RulePlan) -> None:
        self.plan = plan
        self.states: dict[int, TierState] = {}
        self.heard: Ints = np.zeros(64, dtype=np.int64)
        self.expected: set[int] = set()
        self.dirty: set[int] = set()
        #: its formula raised: it is not judged until the next catalogue
        self.aside = False
        self.heard_dirty = False
        #: the revision of beginnings at which the rule was found warm; −1: not yet
        self.warm = -1
        #: the pane end at which it was found so
        self.warm_ms = 0
        self._active: Mask = np.zeros(64, dtype=np.bool_)
        #: where `_set` has a time, which is never later than what is due
        self._running: Mask = np.zeros(64, dtype=np.bool_)
        self._clock: list[tuple[int, int]] = []
        self._set: dict[int, int] = {}

    def reserve(self, count: int) -> None:
        """Have room for this many scopes."""
        have = len(self._active)
        if count > have:
            grown = max(count, 2 * have) - have
            self._active = np.concatenate([self._active, np.zeros(grown, dtype=np.bool_)])
            self._running = np.concatenate([self._running, np.zeros(grown, dtype=np.bool_)])
            self.heard = np.concatenate([self.heard, np.zeros(grown, dtype=np.int64)])

    def active(self, rows: Rows) -> Mask:
        """Which of these scopes are not at rest."""
        return self._active[rows]

    def judge(self, row: int, departure: float | None, end_ms: int) -> None:
        """Let one scope's ladder take a departure (None: no judgement)."""
        state = judge(self.plan.ladder, self.states.get(row, _REST), departure, end_ms)
        self._keep(row, state)

    def tell(self, row: int, end_ms: int, why: Cause | None = None) -> list[Move]:
        """What has to be told of one scope now."""
        state, moves = tell(self.plan.ladder, self.states.get(row, _REST), end_ms, why)
        self._keep(row, state)
        return moves

    def foretell(self, row: int, departure: float, end_ms: int) -> list[Move]:
        """What can be told of one scope before the pane closes."""
        state, moves = foretell(self.plan.ladder, self.states.get(row, _REST), departure, end_ms)
        self._keep(row, state)
        return moves

    @contextmanager
    def wholly(self, row: int) -> Iterator[None]:
        """Move one scope and make what is told of it, or, where that raises, neither."""
        before = self.states.get(row, _REST)
        try:
            yield
        except BaseException:
            self._keep(row, before)
            raise

    def restore(self, row: int, state: TierState) -> None:
        """Put back a state that was stored."""
        self._keep(row, state)
        self.dirty.discard(row)

    def hear(self, rows: Iterable[int], end_ms: int) -> list[int]:
        """These scopes sent something; gives those that had been quiet."""
        back = []
        for row in rows:
            self.heard[row] = end_ms
            self.heard_dirty = True
            state = self.states.get(row)
            if state is not None and state.quiet:
                self._keep(row, replace(state, quiet=False))
                back.append(row)
            else:
                self._wind(row)
        return back

    def hear_all(self, rows: Rows, end_ms: int) -> list[int]:
        """The same for many: a scope at rest whose clock runs already only lets it run on."""
        still = self._running[rows] & ~self._active[rows] & (self.heard[rows] > 0)
        self.heard[rows[still]] = end_ms
        self.heard_dirty = self.heard_dirty or bool(still.any())
        return self.hear(rows[~still].tolist(), end_ms)

    def expect(self, row: int, from_ms: int) -> None:
        """This scope must be heard, from here on, even if it never was."""
        self.expected.add(row)
        if not self.heard[row]:
            self.hear([row], from_ms)

    def fell_due(self, end_ms: int) -> tuple[list[int], dict[int, Cause]]:
        """The scopes whose hold has elapsed, and those that became quiet or are no longer expected."""
        held: list[int] = []
        turned: dict[int, Cause] = {}
        while (first := self.next_due(end_ms + 1)) is not None and first <= end_ms:
            _, row = heapq.heappop(self._clock)
            self._unset(row)
            if self._silence_due(row) == first:
                turned[row] = self._turn(row)
            else:
                held.append(row)
        return held, turned

    def may_be_due(self, before_ms: int) -> bool:
        """False: nothing falls due before this time. Clocks are never set later than what is due."""
        return bool(self._clock) and self._clock[0][0] < before_ms

    def next_due(self, before_ms: int) -> int | None:
        """The next pane end at which something falls due, exact where that is before this time."""
        return self._first() if self.may_be_due(before_ms) else None

    def wind_all(self) -> None:
        """Set every clock anew, after states or times were put back."""
        for row in {*self.states, *np.flatnonzero(self.heard).tolist()}:
            self._wind(row)

    def _turn(self, row: int) -> Cause:
        state = self.states.get(row, _REST)
        if not state.quiet:
            self._keep(row, replace(state, quiet=True))
            return "quiet"
        self.heard[row] = 0
        self.heard_dirty = True
        self._keep(row, replace(state, quiet=False))
        return "removed"

    def _keep(self, row: int, state: TierState) -> None:
        known = self.states.get(row)
        if known == state or (known is None and state.rests):
            return
        self.dirty.add(row)
        if state.rests:
            del self.states[row]
        else:
            self.states[row] = state
        self._active[row] = not state.rests
        self._wind(row)

    def _first(self) -> int | None:
        while self._clock:
            at, row = self._clock[0]
            if self._set.get(row) == at and self._due(row) == at:
                return at
            heapq.heappop(self._clock)
            if self._set.get(row) == at:
                self._unset(row)
                self._wind(row)
        return None

    def _unset(self, row: int) -> None:
        self._set.pop(row, None)
        self._running[row] = False

    def _wind(self, row: int) -> None:
        at = self._due(row)
        known = self._set.get(row)
        if at is not None and (known is None or at < known):
            self._set[row], self._running[row] = at, True
            heapq.heappush(self._clock, (at, row))

    def _due(self, row: int) -> int | None:
        state = self.states.get(row)
        hold = due(self.plan.ladder, state) if state is not None else None
        silence = self._silence_due(row)
        return silence if hold is None else hold if silence is None else min(hold, silence)

    def _silence_due(self, row: int) -> int | None:
        quiet, heard = self.plan.rule.quiet, int(self.heard[row])
        if quiet is None or not heard:
            return None
        if row not in self.states or not self.states[row].quiet:
            return ceil_minute(heard + quiet.after.ms)
        return None if row in self.expected else ceil_minute(heard + max(MEMORY_MS, 2 * quiet.after.ms))


class Tiers:
    """All rules."""

    def __init__(self, plans: Iterable[RulePlan]) -> None:
        self.rules = {plan.rule.id: RuleTiers(plan) for plan in plans}

    def __iter__(self) -> Iterator[RuleTiers]:
        return iter(self.rules.values())

    def in_force(self) -> list[RuleTiers]:
        """The rules that are judged: all but those that were set aside."""
        return [tiers for tiers in self if not tiers.aside]

    def reserve(self, count: int) -> None:
        """Have room for this many scopes in every rule."""
        for tiers in self:
            tiers.reserve(count)

    def next_due(self, before_ms: int) -> Steps[int]:
        """The next pane end before this time at which any clock falls due; this time if there is none."""
        found = before_ms
        for tiers in self.in_force():
            if tiers.may_be_due(found):
                at = tiers.next_due(found)
                found = found if at is None else min(at, found)
                yield
        return found
