"""A rule: one KPI over one window, compared with an expectation, graded on a ladder."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from schemas.base import Model, Name, Text
from schemas.period import Duration, Window


class Constant(Model):
    """The KPI should be this value."""

    from_: Literal["constant"] = Field(alias="from")
    value: float


class Previous(Model):
    """The KPI should be what it was over the same window this long ago."""

    from_: Literal["previous"] = Field(alias="from")
    ago: Duration


class FromTarget(Model):
    """The KPI should be at the target, paced (`calendar`: evenly over the period)."""

    from_: Literal["target"] = Field(alias="from")
    pacing: Literal["calendar"] = "calendar"


Expect = Annotated[Constant | Previous | FromTarget, Field(discriminator="from_")]


class Rung(Model):
    """When a tier is entered and left, in terms of the rule's comparison, and for how long it must hold."""

    enter: float
    exit: float
    hold: Duration


class Minimum(Model):
    """Judge only with at least `value` of this measure of the KPI (or of this other KPI) in the window.

    For a sum against a previous period it is enough that one of the two windows holds so much: a fall to
    nothing is judged. A share or a rate (a formula that divides) needs it in the window itself.
    """

    measure: Name
    value: float


class Quiet(Model):
    """An expected scope that sends nothing for this long enters this tier."""

    after: Duration
    tier: Name


class RuleTest(Model):
    """A rule's own test: what is given and the tiers that must be passed, in order.

    `given` holds the values at the scope of the test: measure names of the KPI (and `previous: {…}`,
    `target: …`); held long enough for every hold. See `streams/engine/ruletest.py`.
    """

    name: str
    given: dict[str, Any]
    expect: list[Name]


class Rule(Model):
    """One rule of the catalogue (`rules/<id>.yaml`).

    `compare`: ratio (value / expectation), difference (value − expectation), value (the value alone),
    deviation (robust z; needs a baseline). `bad` says on which side of the ladder's numbers trouble lies
    (`outside`: |comparison| is compared). `scopes` are dimension lists; `[]` is the company.
    `tests` must be there: a rule without a test is refused.
    """

    id: Name
    title: Text
    kpi: Name
    window: Window
    on: Literal["close", "update"] = "close"
    expect: Expect
    compare: Literal["ratio", "difference", "value", "deviation"] = "ratio"
    bad: Literal["below", "above", "outside"]
    scopes: list[list[Name]] = Field(min_length=1)
    minimum: Minimum | None = None
    ladder: dict[Name, Rung] = Field(min_length=1)
    quiet: Quiet | None = None
    hint: list[Name] = Field(default_factory=list)
    advice: Text | None = None
    state: Literal["live", "shadow"] = "live"
    tests: list[RuleTest] = Field(min_length=1)

    @model_validator(mode="after")
    def _exit_is_milder(self) -> "Rule":
        for tier, rung in self.ladder.items():
            milder = rung.exit >= rung.enter if self.bad == "below" else rung.exit <= rung.enter
            if not milder:
                side = "above" if self.bad == "below" else "below"
                raise ValueError(f"ladder.{tier}: exit {rung.exit} must lie {side} enter {rung.enter}")
        return self
