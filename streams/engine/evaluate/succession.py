"""From one catalogue to the next: panes, tiers and clocks go over to what the new one names.

A rule that is gone, or that now asks something else (another KPI, window or comparison), leaves its tiers
with the cause `removed`; a rule whose ladder alone changed keeps the tier it is in, where the new ladder
has it.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from schemas.dimension import UNKNOWN
from schemas.records import Transition
from streams.decisions.tier import TierState
from streams.engine.evaluate.closing import Closing
from streams.engine.evaluate.columns import Table, fold_rows
from streams.engine.evaluate.scopes import Leaf
from streams.engine.evaluate.steps import at_once
from streams.engine.evaluate.store import GRAINS
from streams.engine.evaluate.tiers import RuleTiers

Remap = Callable[[Table], Table]


def succeed(old: Closing, new: Closing, frontier_ms: int | None) -> list[Transition]:
    """Hand everything over; gives the transitions of what nobody judges any more."""
    for name, values in old.leaves.admitted.items():
        if name in new.leaves.admitted:
            new.leaves.admitted[name] |= values
            new.leaves.fresh.add(name)
    remap = _remap(old, new)
    at_once(new.reserve())
    if frontier_ms is not None:
        new.store.prune(frontier_ms)
    for grain in GRAINS:
        for start in old.store.panes[grain].starts:
            for _, table in old.store.leaf_tables(grain, [start]):
                moved = remap(table)
                new.store.put(grain, start, moved, new.scopes.roll_up(moved, new.columns))
    new.journal.take_over(old.journal, remap)
    if frontier_ms is None:
        return []
    new.rebuild(frontier_ms)
    transitions = [
        transition
        for name, tiers in sorted(old.judge.tiers.rules.items())
        for transition in _hand_over(old, new, tiers, new.judge.tiers.rules.get(name), frontier_ms)
    ]
    if new.since.first_ms is not None:
        new.due.expect(frontier_ms)
    return transitions


def in_dimensions(leaf: Leaf, have: tuple[str, ...], want: tuple[str, ...]) -> Leaf:
    """A leaf over other dimensions: those it has not got are `unknown`.

    >>> in_dimensions(("East", "web"), ("region", "channel"), ("channel", "store"))
    ('web', 'unknown')
    """
    if have == want:
        return leaf
    values = dict(zip(have, leaf, strict=True))
    return tuple(values.get(name, UNKNOWN) for name in want)


def _remap(old: Closing, new: Closing) -> Remap:
    have, want = old.catalogue.dimension_names, new.catalogue.dimension_names
    numbers = new.leaves.restore(in_dimensions(leaf, have, want) for leaf in old.leaves.leaves)
    return lambda table: fold_rows(numbers[table.rows], new.columns.widen(table.values), new.columns)


def _hand_over(
    old: Closing, new: Closing, before: RuleTiers, after: RuleTiers | None, now_ms: int
) -> list[Transition]:
    goes_on = after is not None and _asks_the_same(before, after)
    transitions: list[Transition] = []
    if goes_on and after is not None:
        for row in np.flatnonzero(before.heard).tolist():
            here = _row(old, new, after, row)
            if here is not None:
                after.heard[here] = before.heard[row]
                after.heard_dirty = True
    for row in sorted(before.states, key=old.scopes.items.__getitem__):
        here = _row(old, new, after, row) if goes_on and after is not None else None
        state = (
            _translate(before, after, before.states[row]) if after is not None and here is not None else None
        )
        if after is not None and here is not None and state is not None:
            after.restore(here, state)
            after.dirty.add(here)
        else:
            scope = dict(old.scopes.items[row])
            transitions += old.judge.removed(before.plan, scope, before.states[row], now_ms)
    if after is not None:
        after.wind_all()
    return transitions


def _asks_the_same(before: RuleTiers, after: RuleTiers) -> bool:
    one, other = before.plan.rule, after.plan.rule
    return (one.kpi, one.window, one.compare, one.bad) == (other.kpi, other.window, other.compare, other.bad)


def _row(old: Closing, new: Closing, after: RuleTiers, row: int) -> int | None:
    here = new.scopes.find(old.scopes.items[row])
    if here is None or not after.plan.groups[new.scopes.group[here]]:
        return None
    after.reserve(len(new.scopes))
    return here


def _translate(before: RuleTiers, after: RuleTiers, state: TierState) -> TierState | None:
    """The state on the new ladder; None when its tier is not there any more."""
    one, other = before.plan.ladder, after.plan.ladder
    if one == other:
        return state
    level, shown = other.level(one.tier(state.level)), other.level(one.tier(state.shown))
    if level is None or shown is None or (state.quiet and not other.quiet_level):
        return None
    return replace(state, level=level, shown=shown, pending=(None,) * len(other.steps))
