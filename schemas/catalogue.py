"""The catalogue: everything an installation is told, resolved and checked, with its version."""

import hashlib
from functools import cached_property

from pydantic import Field

from schemas.base import Language, Model, Name, Text
from schemas.dimension import Dimension
from schemas.kpi import Kpi
from schemas.period import Duration, parse_span
from schemas.route import Channel, Person, Route
from schemas.rule import Rule
from schemas.target import Target
from schemas.tier import Tier


class WorkingHours(Model):
    """When people work, in the business time zone; `days` are ISO weekdays (1 = Monday)."""

    start: str = Field(default="09:00", pattern=r"^\d\d:\d\d$")
    end: str = Field(default="18:00", pattern=r"^\d\d:\d\d$")
    days: list[int] = Field(default=[1, 2, 3, 4, 5])


class Installation(Model):
    """The one company an installation serves (`installation.yaml`).

    `minor_digits` is the number of decimals of the currency's smallest unit (CNY: 2). `live: false` judges
    every rule as if its state were shadow. `disorder` is how much later than the newest an event may come
    and still be on time.
    """

    title: Text
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    minor_digits: int = Field(default=2, ge=0, le=4)
    time_zone: str
    week_start: int = Field(default=1, ge=1, le=7)
    language: Language = "zh"
    live: bool = False
    board_url: str = "http://127.0.0.1:3000/d/planwatch-overview"
    working_hours: WorkingHours = WorkingHours()
    disorder: Duration = parse_span("10s")
    future_limit: Duration = parse_span("5m")
    stale_after: Duration = parse_span("1h")
    dedupe_horizon: Duration = parse_span("48h")
    idle_after: Duration = parse_span("30s")
    keep_minutes: Duration = parse_span("2h")
    keep_hours: Duration = parse_span("8d")
    keep_days: Duration = parse_span("400d")


class Catalogue(Model):
    """The whole catalogue. References are already checked: every name that is used exists."""

    installation: Installation
    dimensions: list[Dimension]
    tiers: list[Tier]
    kpis: dict[Name, Kpi]
    rules: dict[Name, Rule]
    people: dict[Name, Person] = Field(default_factory=dict)
    channels: dict[Name, Channel] = Field(default_factory=dict)
    routes: list[Route] = Field(default_factory=list)
    targets: list[Target] = Field(default_factory=list)

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits of the content: equal content, equal version."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:12]

    @cached_property
    def dimension_names(self) -> tuple[str, ...]:
        """The dimensions in the catalogue's order: the order of a leaf's values."""
        return tuple(dimension.id for dimension in self.dimensions)

    @cached_property
    def ladder(self) -> tuple[str, ...]:
        """The tiers from mildest to gravest, without `none`."""
        return tuple(tier.id for tier in self.tiers)

    def rank(self, tier: str) -> int:
        """0 for none, then 1 for the mildest tier of the ladder."""
        return self.ladder.index(tier) + 1 if tier in self.ladder else 0
