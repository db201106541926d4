"""What Prometheus reads: figures, tiers, ledgers and incidents as they are when it asks.

Decides metric names, labels, and what is left out when there are too many series: the gravest tiers and the
most aggregated levels stay. Refuses to compute anything: it reads a snapshot.

Delivery: Prometheus scrapes; nothing is queued or kept. A process shows only what it owns and only while it
is its ready owner, so that a figure never comes from two processes. An id is never a label; a dimension
value is cleaned (`base.label_value`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from schemas.records import Ledger, Transition
from streams.engine.figures import Figure
from streams.exporters.base import (
    Deps,
    ExporterKind,
    Pairs,
    Rank,
    Snapshot,
    label_name,
    label_value,
    level_of,
)
from streams.settings import Settings
from streams.telemetry.metrics import Metric, counter_family, expose, gauge_family

Labels = dict[str, str]
LedgerSource = Callable[[], Iterable[Ledger]]
LagSource = Callable[[], Mapping[tuple[str, int], int]]


class FiguresCollector:
    """Figures, expectations and tiers of the snapshot, at most `limit` series of them."""

    def __init__(self, source: Callable[[], Snapshot | None], limit: int = 10_000) -> None:
        self._source = source
        self._limit = limit

    def collect(self) -> list[Metric]:
        """The families now; none at all while the source has nothing to show."""
        snapshot = self._source()
        return [] if snapshot is None else figure_families(snapshot, self._limit)


def figure_families(snapshot: Snapshot, limit: int) -> list[Metric]:
    """The families of a snapshot. `planwatch_series_dropped` says how many series did not fit."""
    value = gauge_family("planwatch_kpi_value", "Value of a KPI over a window, in the KPI's unit.")
    expected = gauge_family("planwatch_kpi_expected", "What the KPI was expected to be, in its unit.")
    tier = gauge_family("planwatch_tier", "Tier of a rule at a scope: 0 none, then up the ladder.")
    series: list[tuple[float, Metric, Labels, float]] = []
    for figure in snapshot.figures:
        labels = _figure_labels(figure)
        series.append((len(figure.scope), value, labels, figure.value))
        if figure.expected is not None:
            series.append((len(figure.scope), expected, labels, figure.expected))
    for rule, scope, name, _ in snapshot.tiers:
        rank = snapshot.rank(name)
        pairs = _pairs(scope)
        labels = {"rule": rule, "level": level_of(key for key, _ in pairs), **_scope_labels(pairs)}
        series.append((-rank if rank else len(pairs), tier, labels, float(rank)))
    if len(series) > limit:
        series.sort(key=lambda item: item[0])
    for _, family, labels, number in series[:limit]:
        family.add_sample(family.name, labels, number)
    dropped = gauge_family("planwatch_series_dropped", "Series left out because there are too many.")
    dropped.add_sample(dropped.name, {}, float(max(0, len(series) - limit)))
    return [value, expected, tier, dropped, *_frontier(snapshot.frontier_ms)]


class LedgersCollector:
    """What became of every record of the source partitions that this process folds."""

    def __init__(self, ledgers: LedgerSource, lag: LagSource = dict) -> None:
        self._ledgers = ledgers
        self._lag = lag

    def collect(self) -> list[Metric]:
        """Received, counts by reason, late, watermark, idleness, and the events not yet read."""
        return [*ledger_families(self._ledgers()), _lag_family(self._lag())]


def ledger_families(ledgers: Iterable[Ledger]) -> list[Metric]:
    """The families of ledgers: the four reasons add up to received; late events are a part of counted."""
    reasons = counter_family("planwatch_ledger_events", "Records by what became of them.")
    received = counter_family("planwatch_ledger_received", "Records read.")
    late = counter_family("planwatch_ledger_late", "Counted events that came after their minute closed.")
    forgotten = counter_family("planwatch_ledger_forgotten_ids", "Event ids no longer told apart: no room.")
    other = counter_family("planwatch_ledger_other", "Counted events whose dimension has too many values.")
    watermark = gauge_family("planwatch_watermark_timestamp_seconds", "Event time that is complete.")
    idle = gauge_family("planwatch_source_idle", "1 while the source partition sends nothing.")
    for ledger in ledgers:
        labels = {"topic": ledger.topic, "partition": str(ledger.partition)}
        counts = ledger.counts
        for reason in ("counted", "duplicate", "expired", "refused"):
            number = float(getattr(counts, reason))
            reasons.add_sample("planwatch_ledger_events_total", {**labels, "reason": reason}, number)
        received.add_sample("planwatch_ledger_received_total", labels, float(counts.received))
        late.add_sample("planwatch_ledger_late_total", labels, float(counts.late))
        forgotten.add_sample("planwatch_ledger_forgotten_ids_total", labels, float(ledger.forgotten))
        other.add_sample("planwatch_ledger_other_total", labels, float(ledger.other))
        idle.add_sample(idle.name, labels, float(ledger.idle))
        if ledger.watermark_ms is not None:
            watermark.add_sample(watermark.name, labels, ledger.watermark_ms / 1000)
    return [reasons, received, late, forgotten, other, watermark, idle]


class IncidentsCollector:
    """Open incidents by tier; a tier without one shows 0."""

    def __init__(self, open_by_tier: Callable[[], Mapping[str, int]]) -> None:
        self._open_by_tier = open_by_tier

    def collect(self) -> list[Metric]:
        """One gauge per tier."""
        family = gauge_family("planwatch_incidents_open", "Incidents not resolved, by tier.")
        for tier, count in self._open_by_tier().items():
            family.add_sample(family.name, {"tier": tier}, float(count))
        return [family]


class PrometheusExporter:
    """The exporter that is read: nothing is pending, so every version is safe at once."""

    name = "prometheus"

    def __init__(self, settings: Settings, deps: Deps) -> None:
        self._version = -1
        deps.telemetry.register("figures", FiguresCollector(deps.snapshot, settings.series).collect)

    async def start(self) -> None:
        """Nothing to start: the stage's page answers the scrapes."""

    async def stop(self, deadline_s: float) -> None:
        """Nothing to stop."""

    def put(self, figures: Sequence[Figure], version: int) -> None:
        """Remember the version; the figures are read when they are asked for."""
        self._version = max(self._version, version)

    def put_transitions(self, transitions: Sequence[Transition], rank: Rank, version: int) -> None:
        """Remember the version."""
        self._version = max(self._version, version)

    def safe_version(self) -> int:
        """The highest version put."""
        return self._version

    def hand_over(self) -> None:
        """Who is not the owner shows nothing."""

    async def settle(self, version: int) -> None:
        """At once."""

    async def pace(self) -> None:
        """At once."""

    def status(self) -> dict[str, object]:
        """Nothing is held."""
        return {"version": self._version}


def _figure_labels(figure: Figure) -> Labels:
    return {
        "kpi": figure.kpi,
        "window": figure.window,
        "level": figure.level,
        **_scope_labels(figure.scope),
    }


def _scope_labels(pairs: Pairs) -> Labels:
    return {label_name(dimension): label_value(value) for dimension, value in pairs}


def _pairs(scope: Mapping[str, str] | Pairs) -> Pairs:
    return tuple(scope.items()) if isinstance(scope, Mapping) else scope


def _frontier(frontier_ms: int | None) -> list[Metric]:
    family = gauge_family("planwatch_frontier_timestamp_seconds", "Event time up to which all is judged.")
    if frontier_ms is not None:
        family.add_sample(family.name, {}, frontier_ms / 1000)
    return [family]


def _lag_family(lag: Mapping[tuple[str, int], int]) -> Metric:
    family = gauge_family("planwatch_source_lag_events", "Records in the topic that are not yet read.")
    for (topic, partition), events in lag.items():
        family.add_sample(family.name, {"topic": topic, "partition": str(partition)}, float(events))
    return family


def _render(figures: Sequence[Figure]) -> str:
    snapshot = Snapshot(figures, (), lambda _: 0, None)
    return expose(figure_families(snapshot, len(figures) * 2), "")[1].decode()


EXPORTER = ExporterKind(name="prometheus", enabled=lambda _: True, make=PrometheusExporter, render=_render)
