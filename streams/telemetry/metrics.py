"""The one place that imports the Prometheus client: families, registry, exposition.

Decides the form of an answer to `/metrics`. Refuses to know what is measured.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

__all__ = [
    "Collector",
    "Counter",
    "CounterMetricFamily",
    "Gauge",
    "GaugeMetricFamily",
    "Histogram",
    "Metric",
    "counter_family",
    "expose",
    "gauge_family",
    "new_registry",
]


def new_registry(*, process: bool = True) -> CollectorRegistry:
    """An empty registry, with the process's own CPU, memory and files if asked."""
    registry = CollectorRegistry(auto_describe=False)
    if process:
        ProcessCollector(registry=registry)
    return registry


def gauge_family(name: str, text: str) -> GaugeMetricFamily:
    """A gauge without a fixed list of labels: `family.add_sample(name, labels, value)`."""
    return GaugeMetricFamily(name, text)


def counter_family(name: str, text: str) -> CounterMetricFamily:
    """A counter without a fixed list of labels; its samples are named `<name>_total`."""
    return CounterMetricFamily(name, text)


class _Taken(Collector):
    """Families that were already collected, without `_created` series: nothing of ours reads them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)
        for family in self._families:
            if family.type in ("counter", "histogram"):
                family.samples = [item for item in family.samples if not item.name.endswith("_created")]

    def collect(self) -> Iterator[Metric]:
        """The families, as taken."""
        return iter(self._families)


def expose(families: Iterable[Metric], accept: str) -> tuple[str, bytes]:
    """(content type, body): OpenMetrics if the Accept header asks for it, else the text format 0.0.4.

    The families are taken first and written afterwards, so that this may run in a thread.
    """
    encode, content_type = choose_encoder(accept)
    return content_type, encode(_Taken(families))
