"""A problem of the catalogue: where it stands, what is wrong, what to do. Knows neither YAML nor rules."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One line of the report; sorts by place. Lines and columns count from 1.

    >>> str(Problem("rules/a.yaml", 3, 6, "unknown KPI 'revenu'", "did you mean 'revenue'?"))
    "rules/a.yaml:3:6: unknown KPI 'revenu' — did you mean 'revenue'?"
    """

    file: str
    line: int
    column: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.what} — {self.remedy}"


def suggest(name: object, known: Iterable[object], *, plural: str) -> str:
    """The remedy for a name that is not known: the nearest one, else what there is.

    >>> suggest("revenu", ["orders", "revenue"], plural="KPIs")
    "did you mean 'revenue'?"
    >>> suggest("zzz", ["orders", "revenue"], plural="KPIs")
    'KPIs there are: orders, revenue'
    >>> suggest("zzz", [], plural="KPIs")
    'there are no KPIs'
    """
    names = [str(one) for one in known]
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if not names:
        return f"there are no {plural}"
    shown = sorted(names)[:20]
    return f"{plural} there are: {', '.join(shown)}{', …' if len(names) > len(shown) else ''}"
