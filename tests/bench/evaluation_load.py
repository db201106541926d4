"""A company as large as planned for, and a cells log of two hours of it: for measuring how a pane closes.

20,000 leaves in 4,846 scopes, 200 KPIs over 60 measures, 500 rules, four windows. Nothing is asserted here.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from schemas.catalogue import Catalogue
from streams.cells.page import ROOM, Page, PageKey, encode_page
from tests.evaluate_builders import MINUTE, CellsLog, catalogue, constant, kpi, previous, rule, rung

REGIONS, LINES, CHANNELS = 100, 40, 5
KPIS, RULES, MEASURES = 200, 500, 60
WINDOWS = ["5m", "1h", "24h", "day"]
SCOPES: list[list[str]] = [
    [],
    ["region"],
    ["product_line"],
    ["channel"],
    ["region", "product_line"],
    ["region", "channel"],
    ["product_line", "channel"],
]
DIMENSIONS = [{"id": name, "limit": 200} for name in ("region", "product_line", "channel")]
LEAVES = [
    (f"r{region}", f"p{line}", f"c{channel}")
    for region in range(REGIONS)
    for line in range(LINES)
    for channel in range(CHANNELS)
]


def company() -> Catalogue:
    """Every third KPI a ratio, every fifteenth measure an extreme; nearly half of the rules look back."""
    return catalogue([_rule(at) for at in range(RULES)], [_kpi(at) for at in range(KPIS)], DIMENSIONS)


def _measure(at: int) -> dict[str, Any]:
    if at % 15 == 14:
        return {"event": "order", "max": "delay", "where": {"line": at}}
    return {"event": "order", "count": True, "where": {"line": at}}


def _kpi(at: int) -> dict[str, Any]:
    one, other = at % MEASURES, (at * 7 + 1 + at // MEASURES) % MEASURES
    value = ("one", "one / other", "one + other")[at % 3]
    return kpi(
        f"kpi{at}", unit="orders", value=value, scopes=SCOPES, windows=WINDOWS,
        measures={"one": _measure(one), "other": _measure(other)},
    )  # fmt: skip


def _rule(at: int) -> dict[str, Any]:
    """One in fifty finds some regions bad at any time, the others hardly ever any."""
    window = WINDOWS[at % 4]
    looks_back = at % 8 < 4 and window != "day"
    enter = 1.02 if at % 50 == 0 else 1e6
    return rule(
        f"rule{at}", kpi=f"kpi{at % KPIS}", window=window,
        expect=previous("30m" if window == "5m" else "1h") if looks_back else constant(20),
        scopes=SCOPES[:2] if at % 50 == 0 else (SCOPES[:2], SCOPES[:5], SCOPES)[at % 3],
        bad="above",
        ladder={"yellow": rung(enter, enter * 0.9, "2m"), "red": rung(enter * 2, enter)},
        **({"quiet": {"after": "12h", "tier": "yellow"}} if at % 50 == 1 else {}),
    )  # fmt: skip


class Load:
    """The log, a minute at a time, each with as many leaves as are asked for."""

    def __init__(self, found: Catalogue, begin_ms: int) -> None:
        self.log = CellsLog(found)
        self.at = self._begin = begin_ms
        self._random = Random(20)
        self._cells = [self._random.choices(range(1, 900), k=MEASURES) for _ in range(997)]

    def minute(self, number: int, leaves: int) -> Sequence[tuple[int, int, bytes]]:
        """The records of one minute since the beginning: its pages, and the ledger that closes it."""
        before = len(self.log.records)
        self.at = self._begin + number * MINUTE
        self.log.timestamp = self.at + MINUTE
        for value in self._pages(LEAVES[:leaves]):
            self.log.put(value)
        self.at += MINUTE
        self.log.reach(self.at)
        return self.log.records[before:]

    def _pages(self, leaves: Sequence[tuple[str, ...]]) -> Iterator[bytes]:
        for number, begin in enumerate(range(0, len(leaves), ROOM)):
            self.log.stamp += 1
            key = PageKey("sales", 0, self.log.layout.id, "m", self.at, self.at, number)
            cells = {leaf: [*self._random.choice(self._cells)] for leaf in leaves[begin : begin + ROOM]}
            yield encode_page(Page(key, self.log.stamp, 0, cells))  # type: ignore[arg-type]
