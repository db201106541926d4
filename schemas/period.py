"""Durations and windows as people write them."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer

from schemas.base import Model

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
UNITS_MS = {"ms": 1, "s": 1000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}

#: what a KPI is computed over: rolling, or calendar (from the period's start to now)
Window = Literal["5m", "1h", "24h", "7d", "day", "week", "month", "quarter", "year"]
ROLLING_MS = {"5m": 5 * MINUTE_MS, "1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS}
CALENDAR = ("day", "week", "month", "quarter", "year")


class Span(Model):
    """A length of time in milliseconds; `working` counts only working hours.

    >>> parse_span("8wh")
    Span(ms=28800000, working=True)
    >>> str(parse_span("90m")), str(parse_span("0h"))
    ('90m', '0m')
    """

    ms: int
    working: bool = False

    def __str__(self) -> str:
        if self.working:
            return f"{self.ms // HOUR_MS}wh"
        if not self.ms:
            return "0m"
        unit = next(u for u in ("w", "d", "h", "m", "s", "ms") if self.ms % UNITS_MS[u] == 0)
        return f"{self.ms // UNITS_MS[unit]}{unit}"


def parse_span(value: Any) -> Span:
    """Read `30m`, `1h`, `7d`, `0m`, `8wh` (working hours); ValueError says what is possible."""
    if isinstance(value, Span):
        return value
    if isinstance(value, dict):
        return Span(**value)
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d|w|wh)", str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is not a duration; write a number and ms, s, m, h, d, w or wh: 30m")
    count, unit = int(match[1]), match[2]
    if unit == "wh":
        return Span(ms=count * HOUR_MS, working=True)
    return Span(ms=count * UNITS_MS[unit])


#: a duration in a model: `30m` in YAML and JSON, a `Span` in code
Duration = Annotated[Span, BeforeValidator(parse_span), PlainSerializer(str, return_type=str)]
