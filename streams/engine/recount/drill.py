"""The records behind a figure: which events of the log a KPI's value over a window and scope is made of.

Decides which recounted events belong to the figure as it stood at a pane end: their pane lies in the window,
they were known by then, and their leaf lies in the scope. Adds up what they come to, so that the sums can be
held against the figure. Keeps the newest few; the others are only added up.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from heapq import heappush, heappushpop
from math import isnan
from typing import Any, NamedTuple

import numpy as np

from schemas.base import Scope
from schemas.catalogue import Catalogue
from schemas.dimension import OTHER, UNKNOWN
from schemas.events import KINDS
from schemas.kpi import Kpi, Measure
from streams.cells.layout import Cell, Leaf, layout_for, layout_of
from streams.decisions.formula import parse_formula
from streams.engine.recount.measures import KindMeasures
from streams.engine.recount.source import Event, LogRecord, Outcome, Verdict
from streams.engine.recount.written import Source
from streams.windows.panes import Calendar
from streams.windows.spans import Interval, Spec

_COUNTED = (Outcome.COUNTED, Outcome.LATE)
_KEPT = (UNKNOWN, OTHER)


class Asked(NamedTuple):
    """Which figure: of a KPI (None: whatever there is) over a window that ends there, for a scope."""

    kpi: Kpi | None
    window: Spec
    end_ms: int
    scope: Scope


class Found(NamedTuple):
    """A record behind the figure; the newest is the greatest."""

    occurred_ms: int
    source: Source
    offset: int
    leaf: Leaf
    is_late: bool
    event: Event


@dataclass(frozen=True, slots=True)
class Sum:
    """What the records come to in one measure: its name, and the stored integer of `scale` to one unit."""

    name: str
    measure: Measure
    stored: int | None
    scale: int

    @property
    def natural(self) -> float:
        """In natural units; NaN where there is nothing."""
        return float("nan") if self.stored is None else self.stored / self.scale


class Drill:
    """Collects the records behind one figure: at most `most` of them, the newest, and the sums of all.

    `settled` holds, for a dimension that is full, the values that evaluate keeps apart; others are `other`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        asked: Asked,
        most: int,
        settled: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        installation = catalogue.installation
        calendar = Calendar(installation.time_zone, installation.week_start)
        self._asked, self._most, self._settled = asked, most, settled or {}
        self.interval: Interval = asked.window.at(asked.end_ms, calendar)
        self._names = catalogue.dimension_names
        everything = {one.key: one for one in layout_of(catalogue).measures}
        self._named = everything if asked.kpi is None else asked.kpi.measures
        self._layout = layout_for(self._named.values(), self._names, installation.minor_digits)
        is_money = asked.kpi is not None and asked.kpi.unit == installation.currency
        self._digits = installation.minor_digits if is_money else None
        kinds = {kind for measure in self._named.values() for kind in measure.events}
        #: the kinds whose events may belong to it
        self.kinds = frozenset(KINDS if asked.kpi is None else kinds)
        self._measures = {name: KindMeasures(self._layout, KINDS[name]) for name in self.kinds}
        self._total: Cell = list(self._layout.empty)
        self._newest: list[tuple[tuple[int, Source, int], Found]] = []
        #: how many records belong to it
        self.count = 0

    def take(self, source: Source, record: LogRecord, event: Event | None, verdict: Verdict) -> None:
        """Take one recounted record."""
        if event is None or verdict.outcome not in _COUNTED or not self._belongs(event, verdict):
            return
        touched = self._measures[event["kind"]].add(event, self._total, verdict.delay_ms)
        if self._asked.kpi is not None and not touched:
            return
        self.count += 1
        late = verdict.outcome is Outcome.LATE
        found = Found(event["occurred_at"], source, record.offset, verdict.leaf, late, event)
        entry = (found[:3], found)
        if len(self._newest) < self._most:
            heappush(self._newest, entry)
        elif self._most:
            heappushpop(self._newest, entry)

    def _belongs(self, event: Event, verdict: Verdict) -> bool:
        pane = verdict.pane
        return (
            pane is not None
            and event["kind"] in self.kinds
            and self._asked.window.takes(pane.grain)
            and self.interval.holds(pane.start_ms)
            and pane.known_end_ms <= self.interval.end
            and self._in_scope(verdict.leaf)
        )

    def _in_scope(self, leaf: Leaf) -> bool:
        scope = self._asked.scope
        pairs = zip(self._names, leaf, strict=True)
        return all(scope[name] == self._seen_as(name, value) for name, value in pairs if name in scope)

    def _seen_as(self, name: str, value: str) -> str:
        kept = self._settled.get(name)
        return value if kept is None or value in kept or value in _KEPT else OTHER

    def newest(self) -> list[Found]:
        """The newest of them, newest first."""
        return [found for _, found in sorted(self._newest, key=lambda entry: entry[0], reverse=True)]

    def sums(self) -> list[Sum]:
        """What all of them come to, measure by measure; without a KPI only what is not nothing."""
        place = {key: at for at, key in enumerate(self._layout.keys)}
        found = [
            Sum(name, one, self._total[place[one.key]], self._layout.scales[place[one.key]])
            for name, one in self._named.items()
        ]
        return found if self._asked.kpi else [one for one in found if one.stored]

    def value(self) -> float | None:
        """The KPI's value, computed as its figure is; None where it has none."""
        kpi = self._asked.kpi
        if kpi is None:
            return None
        columns = {one.name: np.array([one.natural]) for one in self.sums()}
        value = float(parse_formula(kpi.value, kpi.measures).compute(columns)[0])
        if isnan(value):
            return None
        return value if self._digits is None else float(np.round(value, self._digits))


def natural_fields(event: Event, minor_digits: int) -> dict[str, Any]:
    """The fields that were sent, but for those that every kind has; decimals as text in natural units.

    >>> natural_fields({"kind": "refund", "event_id": "r", "amount": 1990, "reason": "broken"}, 2)
    {'amount': '19.90', 'reason': 'broken'}
    """
    kind = KINDS[event["kind"]]
    common = ("kind", "event_id", "occurred_at", "dimensions", "attributes")
    shown = {}
    for name in kind.model.model_fields:
        if name in event and name not in common and event[name] is not None:
            field = kind.fields.get(name)
            digits = minor_digits if field and field.money else len(str(field.scale)) - 1 if field else 0
            shown[name] = f"{event[name] / 10**digits:.{digits}f}" if digits else event[name]
    return shown
