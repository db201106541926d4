"""Puts a stage together with its page, metrics and sinks, and starts what must listen before it works.

Each stage's modules are imported only in its own process.
"""

import logging
from collections import Counter
from functools import partial
from typing import Any

from agents.ownership import Ownership
from agents.stage import Stage
from streams.app import Wiring
from streams.exporters import Deps, Exporters, Snapshot, make_exporters
from streams.exporters.prometheus import IncidentsCollector, LedgersCollector
from streams.notes import leave_note
from streams.telemetry import Health, Telemetry, setup_logging
from streams.web import StagePage

#: what a stage's page answers beside /status
ROUTES = {"measure": (), "evaluate": ("/figures",), "respond": ("/incidents",)}


class Parts:
    """What one stage process consists of."""

    def __init__(self, name: str, wiring: Wiring) -> None:
        self.wiring = wiring
        self.telemetry = Telemetry(name)
        self.health = Health(["starting"])
        self.exporters: Exporters | None = None
        self.stage: Stage[Any] | None = None
        web = wiring.settings.web
        port = {"measure": web.measure_port, "evaluate": web.evaluate_port, "respond": web.respond_port}[name]
        self.page = StagePage(web.host, port, self.telemetry, health=self.health, status=self._status)

    def answer(self, path: str) -> object:
        """What the page answers at a path of the stage."""
        return {} if self.stage is None else self.stage.answer(path)

    def _status(self) -> dict[str, Any]:
        state: dict[str, Any] = {**self.health.as_json()}
        if self.stage is not None:
            state |= self.stage.snapshot()
        if self.exporters is not None:
            state["exporters"] = self.exporters.status()
        return state


async def assemble(name: str, wiring: Wiring) -> Parts:
    """The parts of a stage, its page listening, its exporters started, itself not yet."""
    settings = wiring.settings
    setup_logging(name, settings.log_level, [settings.influx.token.get_secret_value()])
    for library in ("streams.app", "streams.transport"):
        logging.getLogger(library).setLevel(logging.WARNING)  # Faust's services log under our modules' names
    parts = Parts(name, wiring)
    for path in ROUTES[name]:
        parts.page.add_json(path, partial(parts.answer, path))
    await parts.page.start()
    if parts.page.wanted == 0:
        leave_note(settings.data_dir, name, parts.page.address)
    build = {"measure": _measure, "evaluate": _evaluate, "respond": _respond}[name]
    parts.stage = await build(parts)
    return parts


async def _measure(parts: Parts) -> Stage[Any]:
    from agents.measure import MeasureStage

    stage = MeasureStage(parts.wiring, parts.page.port, parts.health, parts.telemetry)
    ledgers = LedgersCollector(
        stage.ledgers,
        lambda: {(tp.topic, tp.partition): lag for tp, lag in stage.lag().items()},
    )
    parts.telemetry.register("ledgers", ledgers.collect)
    return stage


async def _evaluate(parts: Parts) -> Stage[Any]:
    from agents.evaluate import EvaluateStage

    def snapshot() -> Snapshot | None:
        fold = stage.fold() if parts.health.current else None
        if fold is None or fold.catalogue is None:
            return None
        return Snapshot(fold.figures_now(), fold.tiers(), fold.catalogue.rank, fold.frontier_ms)

    ownership = Ownership(parts.wiring.catalogue)
    deps = Deps(parts.telemetry, parts.health, snapshot, ownership)
    exporters = make_exporters(parts.wiring.settings, deps)
    parts.exporters = exporters
    stage = EvaluateStage(parts.wiring, parts.page.port, parts.health, parts.telemetry, exporters)
    ownership.stage = stage
    await exporters.start()
    return stage


async def _respond(parts: Parts) -> Stage[Any]:
    from agents.respond import RespondStage
    from streams.channels.dispatch import Dispatcher

    wiring = parts.wiring
    stage = RespondStage(
        wiring,
        parts.page.port,
        parts.health,
        parts.telemetry,
        lambda: Dispatcher.of(wiring.catalogue, wiring.settings),
    )

    def open_by_tier() -> dict[str, int]:
        fold = stage.fold()
        if fold is None:
            return {}
        standing = Counter(incident.tier for incident in fold.incidents() if incident.is_open)
        return {tier: standing.get(tier, 0) for tier in parts.wiring.catalogue.ladder}

    parts.telemetry.register("incidents", IncidentsCollector(open_by_tier).collect)
    return stage
