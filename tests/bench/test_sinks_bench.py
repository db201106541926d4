"""Many points a minute to a real InfluxDB: all of them arrive, and measure does not notice."""

from pathlib import Path

import pytest

from schemas.period import MINUTE_MS
from tests.bench.events import PER_SECOND, Leaves, begin_ms, orders
from tests.bench.figures import Figures, Run, in_turns, ratios
from tests.bench.installation import Loaded, fill, installed, now_ms
from tests.bench.sizes import RUNS, SINK_MINUTES, SINK_SCOPES
from tests.bench.worker_run import count_anew
from tests.servers.influx import Influx
from tests.servers.installation import Installation
from tests.servers.kafka import KafkaCluster
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(7200)
KPIS = 20
LEAVES = Leaves(max(1, SINK_SCOPES // 100), 10, 10)
DISORDER_MS = 10_000
#: a first minute and a last one that are not whole
EVENTS = (SINK_MINUTES + 2) * 60 * PER_SECOND
MOST_S = 900.0
KPI = """\
id: sink_{0}
title: {{en: Sink {0}, zh: 点{0}}}
unit: currency
better: higher
measures:
  gross: {{event: order, sum: amount}}
  lines: {{event: order, count: true}}
value: gross - {0} * lines
scopes: [[region, product_line, channel]]
windows: [5m]
"""


def prepare(installation: Installation) -> None:
    """A catalogue whose KPIs are all written for every leaf, and nothing else of it for any."""
    for folder, kept in (("kpis", "one_star_reviews"), ("rules", "one_star_review")):
        for path in (installation.catalogue / folder).glob("*.yaml"):
            if path.stem != kept:
                path.unlink()
    for number in range(KPIS):
        installation.write(f"kpis/sink_{number}.yaml", KPI.format(number))


class Points:
    """The points that InfluxDB has of the minutes that the events fill wholly."""

    def __init__(self, influx: Influx, first_ms: int, last_ms: int) -> None:
        self._influx = influx
        self._begin_ms = first_ms - first_ms % MINUTE_MS + 2 * MINUTE_MS
        self._end_ms = last_ms - DISORDER_MS
        self.minutes = (self._end_ms - self._begin_ms) // MINUTE_MS + 1

    def found(self) -> int:
        """How many of them there are."""
        series = self._influx.influxql(
            'SELECT COUNT("value") FROM "planwatch"."live"."kpi" WHERE kpi =~ /^sink_/ '
            f"AND time >= {self._begin_ms}ms AND time <= {self._end_ms}ms"
        )
        values: list[list[int]] = series[0]["values"] if series else [[0, 0]]  # type: ignore[assignment]
        return values[0][1]

    @property
    def wanted(self) -> int:
        """How many there must be."""
        return self.minutes * LEAVES.all * KPIS

    def wait(self) -> None:
        """Until all are there."""
        wait_until(lambda: self.found() >= self.wanted, f"{self.wanted} points", MOST_S, pause_s=2)


def sunk(loaded: Loaded, influx: Influx, points: Points) -> Run:
    """Count all of it anew with InfluxDB as a sink, and see that every point is there."""
    env = loaded.installation.env
    influx.clear()
    env |= {
        "PLANWATCH_INFLUX__URL": influx.url,
        "PLANWATCH_INFLUX__TOKEN": influx.token,
        "PLANWATCH_INFLUX__ORG": influx.org,
        "PLANWATCH_INFLUX__BUCKET": influx.bucket,
    }
    try:
        return count_anew(loaded, after=points.wait).measure
    finally:
        env["PLANWATCH_INFLUX__URL"] = ""


def test_sinks_get_every_point_and_measure_does_not_notice(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, influx: Influx, figures: Figures
) -> None:
    with installed(kafka, topic_prefix, tmp_path) as installation:
        prepare(installation)
        last_ms = now_ms()
        first_ms = begin_ms(EVENTS, last_ms)
        loaded = fill(installation, orders(EVENTS, LEAVES, first_ms))
        points = Points(influx, first_ms, last_ms)
        without, with_sink = in_turns(
            RUNS, lambda: count_anew(loaded).measure, lambda: sunk(loaded, influx, points)
        )
        found = points.found()
    title = f"sinks: {LEAVES.all:,} scopes of {KPIS} KPIs to InfluxDB"
    figures.add(f"{title}, points a minute", [found / points.minutes], "points")
    figures.add(f"{title}, part of the points that are there", [found / points.wanted], at_least=1)
    parts = ratios(with_sink, without, lambda run: run.per_cpu_s)
    figures.add(f"{title}, what is left of measure's rate a CPU second", parts, at_least=0.9)
    parts = ratios(with_sink, without, lambda run: run.per_s)
    figures.add(f"{title}, what is left of measure's rate on the wall", parts)
