"""What a step of evaluating hands over: transitions, figures, problems."""

from dataclasses import dataclass, field

from schemas.records import Transition
from streams.engine.evaluate.plans import Problem
from streams.engine.figures import Figures


@dataclass(frozen=True, slots=True)
class Outcome:
    """One judged pane end, or a part of its figures.

    `end_ms` is the pane end. Transitions stand in the first part, in the order of rules, scopes and rungs.
    `mended` are earlier problems that are none any more.
    """

    end_ms: int
    transitions: list[Transition] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)
    problems: list[Problem] = field(default_factory=list)
    mended: list[Problem] = field(default_factory=list)
