"""Figures and transitions as points in InfluxDB, 1.8 and 2.x.

`exporter.py` the queue and its worker, `delivery.py` what replies mean, `spill.py` points on disk,
`lines.py` line protocol, `transport.py` the client, `overtaken.py` what a successor must write again. The
package decides when points go out and what becomes of those that cannot; it refuses to know how a figure came
about.

Delivery: at least once, in order, a point written again is the same point (same tags and time). `put` never
waits. What the server does not take goes to the spill file, oldest first out, and from there again in order,
also after a restart. Only the queue's, the file's and the disk's limits make points go missing: the oldest
first, counted in `planwatch_sink_dropped_points_total`. A line that the server will never take is left out,
counted and logged, alone.
"""

from collections.abc import Sequence

from streams.engine.figures import Figure
from streams.exporters.base import Deps, ExporterKind
from streams.exporters.influx.exporter import InfluxExporter
from streams.exporters.influx.lines import LineWriter
from streams.settings import Settings

__all__ = ["EXPORTER", "InfluxExporter"]


def _make(settings: Settings, deps: Deps) -> InfluxExporter:
    return InfluxExporter(settings, deps.telemetry, deps.health, deps.succession)


def _render(figures: Sequence[Figure]) -> str:
    return "".join(f"{line}\n" for line in LineWriter().figures(figures).lines)


EXPORTER = ExporterKind(
    name="influx", enabled=lambda settings: bool(settings.influx.url), make=_make, render=_render
)
