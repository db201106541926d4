"""A target: a planned value of a KPI for a scope and a period."""

from typing import Literal

from pydantic import Field

from schemas.base import Model, Name, Scope


class Target(Model):
    """One planned value; `period` is `2026`, `2026-Q3`, `2026-07` or `2026-W30`."""

    kpi: Name
    scope: Scope = Field(default_factory=dict)
    grain: Literal["year", "quarter", "month", "week"]
    period: str
    value: float
