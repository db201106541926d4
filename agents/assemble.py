"""Puts a stage together with its page, metrics and sinks, and starts what must listen before it works."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from agents.evaluate import EvaluateStage
from agents.measure import MeasureStage
from agents.respond import RespondStage
from agents.stage import Stage
from schemas.records import Ledger
from streams.app import Wiring, wire
from streams.channels.dispatch import Dispatcher
from streams.exporters import Deps, Exporters, Snapshot, make_exporters
from streams.exporters.prometheus import IncidentsCollector, LedgersCollector
from streams.settings import Settings
from streams.telemetry import Health, Telemetry, setup_logging
from streams.web import StagePage

#: figures that /figures shows at most
_FIGURES = 5000


class Parts:
    """What one stage process consists of."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.wiring: Wiring = wire(settings)
        self.telemetry = Telemetry(name)
        self.health = Health(["starting"])
        self.exporters: Exporters | None = None
        self.stage: Stage[Any] | None = None
        web = settings.web
        port = {"measure": web.measure_port, "evaluate": web.evaluate_port, "respond": web.respond_port}[name]
        self.page = StagePage(web.host, port, self.telemetry, health=self.health, status=self._status)

    def _status(self) -> dict[str, Any]:
        state: dict[str, Any] = {**self.health.as_json()}
        if self.stage is not None:
            state |= self.stage.snapshot()
        if self.exporters is not None:
            state["exporters"] = self.exporters.status()
        return state


async def assemble(name: str, settings: Settings) -> Parts:
    """The parts of a stage, its page listening, its exporters started, itself not yet."""
    setup_logging(name, settings.log_level, [settings.influx.token.get_secret_value()])
    parts = Parts(name, settings)
    pages: dict[str, Callable[[], object]] = {
        "/figures": lambda: _figures(parts.stage),
        "/incidents": lambda: _incidents(parts.stage),
    }
    for path, source in pages.items():
        parts.page.add_json(path, source)
    await parts.page.start()
    build = {"measure": _measure, "evaluate": _evaluate, "respond": _respond}[name]
    parts.stage = await build(parts)
    return parts


async def _measure(parts: Parts) -> MeasureStage:
    stage = MeasureStage(parts.wiring, parts.page.port, parts.health, parts.telemetry)
    collector = LedgersCollector(
        lambda: _ledgers(stage), lambda: {tuple(tp): n for tp, n in stage.lag().items()}
    )
    parts.telemetry.register("ledgers", collector.collect)
    return stage


def _ledgers(stage: MeasureStage) -> list[Ledger]:
    return [fold.ledger() for fold in stage.folds.values()]


async def _evaluate(parts: Parts) -> EvaluateStage:
    def snapshot() -> Snapshot | None:
        fold = stage.fold() if parts.health.ready else None
        if fold is None or fold.catalogue is None:
            return None
        return Snapshot(fold.figures_now(), fold.tiers(), fold.catalogue.rank, fold.frontier_ms)

    exporters = make_exporters(parts.wiring.settings, Deps(parts.telemetry, parts.health, snapshot))
    parts.exporters = exporters
    stage = EvaluateStage(parts.wiring, parts.page.port, parts.health, parts.telemetry, exporters)
    await exporters.start()
    return stage


async def _respond(parts: Parts) -> RespondStage:
    dispatcher = Dispatcher.of(parts.wiring.catalogue, parts.wiring.settings)
    stage = RespondStage(parts.wiring, parts.page.port, parts.health, parts.telemetry, dispatcher)
    parts.telemetry.register("incidents", IncidentsCollector(lambda: _open(stage)).collect)
    return stage


def _open(stage: RespondStage) -> dict[str, int]:
    fold = stage.fold()
    if fold is None:
        return {}
    standing = Counter(incident.tier for incident in fold.incidents() if incident.is_open)
    return {tier: standing.get(tier, 0) for tier in stage.wiring.catalogue.ladder}


def _figures(stage: Stage[Any] | None) -> dict[str, object]:
    fold = stage.fold() if isinstance(stage, EvaluateStage) else None
    if fold is None:
        return {"frontier_ms": None, "figures": []}
    figures = [figure._asdict() for figure, _ in zip(fold.figures_now(), range(_FIGURES), strict=False)]
    return {"frontier_ms": fold.frontier_ms, "figures": figures}


def _incidents(stage: Stage[Any] | None) -> dict[str, object]:
    fold = stage.fold() if isinstance(stage, RespondStage) else None
    return {"incidents": []} if fold is None else fold.incidents_json()
