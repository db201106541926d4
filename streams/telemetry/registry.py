"""One stage's telemetry: a happening becomes its log line and its count; labels stay bounded.

Decides when a line is written (each happening may say "at most one in so many seconds") and what is kept
apart by label. Refuses to know what a happening means.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from streams.telemetry.happenings import EVALUATE, HAPPENINGS, Happening, ScrapeFailed, name_of
from streams.telemetry.metrics import Collector, Counter, Gauge, Histogram, Metric, new_registry

#: label values kept apart per counter; later ones count under `other`
COMBINATIONS = 200
OTHER = "other"
#: from half a pane's close to the limit that a person would still call "at once", in seconds
LATENCY_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)

_logger = logging.getLogger("planwatch")


class _Said(NamedTuple):
    at: float
    held_back: int


class Telemetry:
    """The registry and the log of one stage process.

    `registry` is what `/metrics` shows; collectors register there. `event_to_transition` takes seconds
    from an event's arrival to the transition it caused.
    """

    def __init__(
        self, stage: str, *, process: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stage = stage
        self.registry = new_registry(process=process)
        self._clock = clock
        self._said: dict[tuple[object, ...], _Said] = {}
        self._counters = {
            kind: Counter(f"planwatch_{kind.counter}", _first_line(kind), kind.labels, registry=self.registry)
            for kind in HAPPENINGS
            if kind.counter and stage in kind.stages
        }
        self._known: dict[type[Happening], set[tuple[str, ...]]] = {}
        self.event_to_transition = Histogram(
            "planwatch_event_to_transition_seconds",
            "From the arrival of an event to the transition it caused.",
            registry=self.registry if stage == EVALUATE else None,
            buckets=LATENCY_BUCKETS,
        )

    def tell(self, happening: Happening, error: BaseException | None = None) -> None:
        """It happened: one line in the log (unless it said so a moment ago) and one more in the count."""
        kind = type(happening)
        labels = tuple(str(getattr(happening, label)) for label in kind.labels)
        if counter := self._counters.get(kind):
            amount = getattr(happening, kind.amount) if kind.amount else 1
            (counter.labels(*self._bounded(kind, labels)) if labels else counter).inc(amount)
        if _logger.isEnabledFor(kind.level):
            self._write(happening, labels, error)

    def register(self, part: str, families: Callable[[], Iterable[Metric]]) -> None:
        """Ask `families()` at every scrape; if it raises, the part is left out, counted and logged."""
        self.registry.register(_Guarded(self, part, families))

    def gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        """A gauge of this stage, named `planwatch_<name>`."""
        return Gauge(f"planwatch_{name}", text, labels, registry=self.registry)

    def _write(self, happening: Happening, labels: tuple[str, ...], error: BaseException | None) -> None:
        kind = type(happening)
        extra: dict[str, object] = {"happening": name_of(kind), "fields": happening.fields()}
        if kind.every_s:
            now, key = self._clock(), (kind, *labels)
            said = self._said.get(key)
            if said and now - said.at < kind.every_s:
                self._said[key] = _Said(said.at, said.held_back + 1)
                return
            if len(self._said) > 10 * COMBINATIONS:
                self._said.clear()
            self._said[key] = _Said(now, 0)
            if said and said.held_back:
                extra["suppressed"] = said.held_back
        _logger.log(kind.level, name_of(kind), extra=extra, exc_info=error)

    def _bounded(self, kind: type[Happening], labels: tuple[str, ...]) -> tuple[str, ...]:
        known = self._known.setdefault(kind, set())
        if labels in known:
            return labels
        if len(known) >= COMBINATIONS:
            return (OTHER,) * len(labels)
        known.add(labels)
        return labels


class _Guarded(Collector):
    """One part of /metrics, that may fail without taking the others along."""

    def __init__(self, telemetry: Telemetry, part: str, families: Callable[[], Iterable[Metric]]) -> None:
        self._telemetry = telemetry
        self._part = part
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The part's families; none if they could not be read."""
        try:
            return list(self._families())
        except Exception as error:
            self._telemetry.tell(ScrapeFailed(self._part), error)
            return []


def _first_line(kind: type[Happening]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]
