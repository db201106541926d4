"""What the recount must know of the suite's company: its spans of time, its measures and its calendar.

Read from the catalogue's files themselves, not from what the product makes of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from schemas.kpi import Measure
from schemas.period import parse_span
from schemas.tier import Tier

MINUTE_MS = 60_000


@dataclass(frozen=True)
class Company:
    """The installation under test. `spans` in milliseconds; `measures` by their canonical name."""

    zone: ZoneInfo
    spans: Mapping[str, int]
    dimensions: tuple[str, ...]
    measures: Mapping[str, Measure]
    tiers: Mapping[str, Tier]

    @classmethod
    def of(cls, catalogue: Path) -> "Company":
        """The company of a catalogue folder."""
        settings = _yaml(catalogue / "installation.yaml")
        names = ("disorder", "dedupe_horizon", "keep_minutes", "keep_hours", "keep_days")
        kpis = [_yaml(path) for path in sorted((catalogue / "kpis").glob("*.yaml"))]
        measures = [Measure.model_validate(one) for kpi in kpis for one in kpi["measures"].values()]
        return cls(
            ZoneInfo(settings["time_zone"]),
            {name: parse_span(settings[name]).ms for name in names},
            tuple(one["id"] for one in _yaml(catalogue / "dimensions.yaml")),
            {measure.key: measure for measure in measures},
            {one["id"]: Tier.model_validate(one) for one in _yaml(catalogue / "tiers.yaml")},
        )

    def hour(self, ms: int) -> int:
        """The start of the business hour (its zone is whole hours from UTC)."""
        return ms - ms % 3_600_000

    def day(self, ms: int) -> int:
        """The midnight before, in the business time zone."""
        local = datetime.fromtimestamp(ms / 1000, self.zone)
        return round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1000


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)
