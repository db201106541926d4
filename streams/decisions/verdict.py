"""The outcome of one rule at many scopes and one pane end, each with its reason.

Decides from columns of values, expectations and volumes; knows nothing of where they come from and keeps no
state. Only `judged` moves a tier; every other reason says why there is no judgement.
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from schemas.rule import Rule
from streams.decisions.formula import Column
from streams.decisions.tier import Ladder


class Reason(IntEnum):
    """Why there is a judgement, or why there is none."""

    JUDGED = 0
    WARMING_UP = 1
    TOO_FEW = 2
    NO_VALUE = 3
    NO_EXPECTATION = 4

    @property
    def text(self) -> str:
        """As it stands in a metric's label or a log line.

        >>> Reason.WARMING_UP.text
        'warming_up'
        """
        return self.name.lower()


def compare(rule: Rule, values: Column, expected: Column) -> Column:
    """The comparison's result, NaN where it has none.

    ratio = value / expectation, difference = value − expectation, value = the value alone.
    """
    if rule.compare == "ratio":
        return values / np.where(expected == 0, np.nan, expected)
    if rule.compare == "difference":
        return values - expected
    if rule.compare == "value":
        return values
    return np.full(len(values), np.nan)


def judge_scopes(
    rule: Rule, values: Column, expected: Column, volume: Column | None, *, warm: bool
) -> Column:
    """The departures of one rule at one pane end, one per scope; NaN where there is no judgement.

    `volume` None: the rule has no minimum. `reasons` says why there is no judgement.
    """
    if not warm:
        return np.full(len(values), np.nan)
    departures = compare(rule, values, expected)
    if volume is None or rule.minimum is None:
        return departures
    return np.where(volume >= rule.minimum.value, departures, np.nan)


def reasons(
    rule: Rule, values: Column, expected: Column, volume: Column | None, *, warm: bool
) -> npt.NDArray[np.int8]:
    """For each scope the reason of its verdict, as the number of a `Reason`.

    The first that applies: warming up, too few, no value, no expectation, judged.
    """
    found = np.full(len(values), Reason.JUDGED, dtype=np.int8)
    found[np.isnan(compare(rule, values, expected))] = Reason.NO_EXPECTATION
    found[np.isnan(values)] = Reason.NO_VALUE
    if volume is not None and rule.minimum is not None:
        found[~(volume >= rule.minimum.value)] = Reason.TOO_FEW
    if not warm:
        found[:] = Reason.WARMING_UP
    return found


def beyond_any(ladder: Ladder, departures: Column) -> npt.NDArray[np.bool_]:
    """Where the departure is at or beyond the mildest step; a quick test for whole columns."""
    enters = [step.enter for step in ladder.steps if step.enter is not None]
    if not enters:
        return np.zeros(len(departures), dtype=np.bool_)
    if ladder.bad == "below":
        return departures <= max(enters)
    sizes = departures if ladder.bad == "above" else np.abs(departures - ladder.centre)
    return sizes >= min(enters)
