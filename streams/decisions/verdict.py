"""The outcome of one rule at many scopes and one pane end, each with its reason.

Decides from columns of values, expectations and volumes; knows nothing of where they come from and keeps no
state. Only `judged` moves a tier; every other reason says why there is no judgement.
"""

from enum import IntEnum
from typing import NamedTuple

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
    SET_ASIDE = 5

    @property
    def text(self) -> str:
        """As it stands in a metric's label or a log line.

        >>> Reason.WARMING_UP.text
        'warming_up'
        """
        return self.name.lower()


class Verdicts(NamedTuple):
    """One per scope: the departure (NaN without a judgement) and the reason as a small number."""

    departures: Column
    reasons: npt.NDArray[np.int8]


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


def judge_scopes(rule: Rule, values: Column, expected: Column, volume: Column | None, *, warm: bool) -> Verdicts:
    """The verdicts of one rule at one pane end; all arrays have one entry per scope, NaN is nothing.

    Reasons in order: warming up, too few, no value, no expectation. `volume` None: the rule has no minimum.
    """
    departures = compare(rule, values, expected)
    reasons = np.zeros(len(values), dtype=np.int8)
    if rule.compare != "value":
        reasons[np.isnan(departures)] = Reason.NO_EXPECTATION
    reasons[np.isnan(values)] = Reason.NO_VALUE
    if volume is not None and rule.minimum is not None:
        reasons[~(volume >= rule.minimum.value)] = Reason.TOO_FEW
    if not warm:
        reasons[:] = Reason.WARMING_UP
    return Verdicts(np.where(reasons == Reason.JUDGED, departures, np.nan), reasons)


def beyond_any(ladder: Ladder, departures: Column) -> npt.NDArray[np.bool_]:
    """Where the departure is at or beyond the mildest step; a quick test for whole columns."""
    enters = [step.enter for step in ladder.steps if step.enter is not None]
    if not enters:
        return np.zeros(len(departures), dtype=np.bool_)
    if ladder.bad == "below":
        return departures <= max(enters)
    sizes = departures if ladder.bad == "above" else np.abs(departures - ladder.centre)
    return sizes >= min(enters)
