"""A KPI: a named formula over measures, with a unit and the direction that is better."""

from typing import Literal

from pydantic import Field, model_validator

from schemas.base import Model, Name, Text
from schemas.period import Window

Scalar = str | int | bool


class Range(Model):
    """A closed range on a field's stored integer (`max: 2` is "at most 2"). One end may be open."""

    min: int | None = None
    max: int | None = None


class Measure(Model):
    """A mergeable quantity taken from events: exactly one of count, sum, min, max.

    `event` is one kind or several that share the field. `where` keeps only events whose fields equal the
    value, are in the list, or lie in the range. `delay` is a field of every event: milliseconds from
    occurred_at to the record's timestamp, at least 0.
    """

    event: Name | list[Name]
    count: Literal[True] | None = None
    sum: Name | None = None
    min: Name | None = None
    max: Name | None = None
    where: dict[Name, Scalar | list[Scalar] | Range] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_quantity(self) -> "Measure":
        given = [n for n in ("count", "sum", "min", "max") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(f"a measure has exactly one of count, sum, min, max; here: {given or 'none'}")
        return self

    @property
    def events(self) -> tuple[str, ...]:
        """The kinds it is taken from, sorted."""
        return (self.event,) if isinstance(self.event, str) else tuple(sorted(self.event))

    @property
    def how(self) -> Literal["count", "sum", "min", "max"]:
        """The way it is folded and merged."""
        if self.count:
            return "count"
        if self.sum is not None:
            return "sum"
        return "min" if self.min is not None else "max"

    @property
    def field(self) -> str | None:
        """The event field it reads; None for a count."""
        return self.sum or self.min or self.max

    @property
    def key(self) -> str:
        """The canonical name: equal measures of several KPIs share it, a layout is a list of these.

        >>> Measure(event="order", count=True, where={"line": 1}).key
        'order.count[line=1]'
        """
        conditions = ",".join(f"{name}={_condition(self.where[name])}" for name in sorted(self.where))
        name = "+".join(self.events) + "." + self.how + (f".{self.field}" if self.field else "")
        return f"{name}[{conditions}]" if conditions else name


def _condition(value: Scalar | list[Scalar] | Range) -> str:
    if isinstance(value, Range):
        low = "" if value.min is None else str(value.min)
        high = "" if value.max is None else str(value.max)
        return f"{low}..{high}"
    if isinstance(value, list):
        return "|".join(sorted(map(str, value)))
    return str(value)


class Kpi(Model):
    """One KPI of the catalogue (`kpis/<id>.yaml`).

    `unit` is `currency` (resolved to the installation's code when it is loaded), `ratio`, `seconds`, or a
    counted thing in the plural (orders, units). `value` is arithmetic over the measure names in natural units
    (amounts in major currency units, not cents; polarity −1 to 1; delay in seconds); division by zero gives
    no value. `dimensions` says over which it means something. `scopes` are the dimension lists whose figures
    are written even if no rule names them; `windows` those that are written.
    """

    id: Name
    title: Text
    unit: str
    better: Literal["higher", "lower", "near"]
    measures: dict[Name, Measure] = Field(min_length=1)
    value: str
    dimensions: Literal["all"] | list[Name] = "all"
    scopes: list[list[Name]] = Field(default=[[]])
    windows: list[Window] = Field(default=["5m", "1h", "24h", "7d", "day", "week", "month"])
    digits: int | None = Field(default=None, ge=0, le=6)
    note: Text | None = None
