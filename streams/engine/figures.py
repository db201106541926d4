"""What a KPI came to: one figure of one scope at one pane end, as every exporter and page receives it.

Decides nothing. Refuses to know who shows it.
"""

from typing import NamedTuple


class Figure(NamedTuple):
    """The value of a KPI over the window that ends at `end_ms`, and what was expected of it.

    `level` is `company` or the dimensions joined by `+`; `scope` is (dimension, value) pairs in the same
    order. `value` and `expected` are in the KPI's natural unit; `expected` is None where no rule expects.

    >>> Figure("revenue", "1h", "region", (("region", "East"),), 3_600_000, 12.5, None).level
    'region'
    """

    kpi: str
    window: str
    level: str
    scope: tuple[tuple[str, str], ...]
    end_ms: int
    value: float
    expected: float | None
