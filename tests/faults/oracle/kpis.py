"""The KPIs of the suite's catalogue, written out by hand a second time.

What is held are integers; a value is what double arithmetic makes of them in natural units, step by step as
the formula stands, money rounded to cents at the end. So values are compared bit for bit, no tolerance.
None is no value: a ratio over nothing, the largest of nothing.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Held(NamedTuple):
    """What a window holds: sums by name, and the extremes of what is in it (None: nothing)."""

    sums: Mapping[str, int]
    extremes: Mapping[str, int | None]

    def sum(self, name: str) -> int:
        """A sum; 0 while nothing came."""
        return self.sums.get(name, 0)


NOTHING = Held({}, {})


def _cents(value: float) -> float:
    return round(value * 100) / 100


def _extreme(held: Held, name: str, scale: int) -> float | None:
    found = held.extremes.get(name)
    return None if found is None else found / scale


def _revenue(held: Held) -> float:
    return _cents(held.sum("gross") / 100 - held.sum("returned") / 100)


def _average_order_value(held: Held) -> float | None:
    return _cents(held.sum("gross") / 100 / held.sum("orders")) if held.sum("orders") else None


def _mean_polarity(held: Held) -> float | None:
    return held.sum("polarity") / 1_000_000 / held.sum("mentions") if held.sum("mentions") else None


def _negative_mention_ratio(held: Held) -> float | None:
    return held.sum("negative") / held.sum("mentions") if held.sum("mentions") else None


def _mean_rating(held: Held) -> float | None:
    return held.sum("stars") / held.sum("rated") if held.sum("rated") else None


FORMULAS: dict[str, Callable[[Held], float | None]] = {
    "revenue": _revenue,
    "orders": lambda held: float(held.sum("orders")),
    "units": lambda held: float(held.sum("units")),
    "average_order_value": _average_order_value,
    "largest_order": lambda held: _extreme(held, "largest", 100),
    "smallest_order": lambda held: _extreme(held, "smallest", 100),
    "bad_reviews": lambda held: float(held.sum("bad")),
    "one_star_reviews": lambda held: float(held.sum("one_star")),
    "mean_rating": _mean_rating,
    "complaints": lambda held: float(held.sum("complaints")),
    "mean_polarity": _mean_polarity,
    "negative_mention_ratio": _negative_mention_ratio,
    "sales_delay": lambda held: _extreme(held, "slowest", 1000),
}
