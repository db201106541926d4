"""Which parts of a scope drove its departure, worst first.

Decides from columns of sums, one row per part. A part's contribution is how much of the departure would be
gone without it: with what the part held earlier in its place where the expectation is a previous period,
without the part where it is a constant. For sums this is the part's own shortfall; for ratios it weighs
numerator and denominator (the leave-one-out influence of Cook, Technometrics 19, 1977).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.base import Scope
from schemas.records import Driver
from streams.decisions.formula import Column

Sums = npt.NDArray[np.float64]
Compute = Callable[[Sums], Column]

#: how many are named
COUNT = 3


class Parts(NamedTuple):
    """The parts of a scope: their sums now and earlier (None: nothing to compare with), in natural units.

    One row per part, one column per measure; `mins` and `maxs` are the columns that are not added, where NaN
    is nothing.
    """

    scopes: Sequence[Scope]
    now: Sums
    then: Sums | None
    mins: Sequence[int] = ()
    maxs: Sequence[int] = ()


def find_drivers(parts: Parts, compute: Compute, *, sign: float) -> list[Driver]:
    """The parts that contribute most to a departure; `sign` is 1 where above is bad, −1 where below is.

    >>> now, then = np.array([[70.0], [99.0]]), np.array([[100.0], [100.0]])
    >>> parts = Parts([{"region": "East"}, {"region": "West"}], now, then)
    >>> worst = find_drivers(parts, lambda sums: sums[:, 0], sign=-1)[0]
    >>> worst.scope, worst.change, round(worst.share, 2)
    ({'region': 'East'}, -0.3, 0.97)
    """
    if len(parts.scopes) < 2:
        return []
    total = compute(_total(parts))[0]
    contributions = sign * (total - compute(_without_each(parts)))
    values = compute(parts.now)
    hopes = compute(parts.then) if parts.then is not None else np.full(len(values), np.nan)
    helpful = np.flatnonzero((contributions > 0) & ~np.isnan(values))
    whole = float(contributions[helpful].sum())
    if len(helpful) > COUNT:  # only the first are named, and those that tie with the last of them may be
        least = np.partition(contributions[helpful], -COUNT)[-COUNT]
        helpful = helpful[contributions[helpful] >= least]
    order = sorted(helpful.tolist(), key=lambda at: (-contributions[at], sorted(parts.scopes[at].items())))
    return [
        _driver(parts.scopes[at], float(values[at]), float(hopes[at]), float(contributions[at]) / whole)
        for at in order[:COUNT]
    ]


def _driver(scope: Scope, value: float, hope: float, share: float) -> Driver:
    known = None if np.isnan(hope) else hope
    change = None if not known else value / known - 1
    return Driver(
        scope=scope,
        value=value,
        expected=known,
        change=None if change is None else round(change, 6),
        share=share,
    )


def _total(parts: Parts) -> Sums:
    total: Sums = parts.now.sum(axis=0, keepdims=True)
    for columns, function in ((parts.mins, np.fmin), (parts.maxs, np.fmax)):
        for column in columns:
            total[0, column] = function.reduce(parts.now[:, column])
    return total


def _without_each(parts: Parts) -> Sums:
    then = np.zeros_like(parts.now) if parts.then is None else parts.then
    without: Sums = parts.now.sum(axis=0, keepdims=True) - parts.now + then
    for columns, sign in ((parts.mins, -1.0), (parts.maxs, 1.0)):
        for column in columns:
            without[:, column] = sign * _largest_of_others(sign * parts.now[:, column])
    return without


def _largest_of_others(values: Column) -> Column:
    filled = np.where(np.isnan(values), -np.inf, values)
    best = int(np.argmax(filled))
    others = np.full(len(values), filled[best])
    others[best] = np.max(np.delete(filled, best))
    return np.where(np.isinf(others), np.nan, others)
