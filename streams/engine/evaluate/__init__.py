"""Stage two as a fold over the cells topic: windows, KPI values, verdicts, tiers, transitions. Pure."""

from streams.engine.evaluate.fold import Evaluation
from streams.engine.evaluate.outcome import Outcome
from streams.engine.evaluate.plans import Problem

__all__ = ["Evaluation", "Outcome", "Problem"]
