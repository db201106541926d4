"""Where figures go: the registry of exporters and the one object through which a stage feeds them all.

An exporter is one module or package here that has an `EXPORTER` (see `base.py`). Adding one touches nothing
else: settings switch it on, the contract tests find it. Refuses to know what any of them does.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

from schemas.records import Transition
from streams.engine.figures import Figure
from streams.exporters.base import Deps, Exporter, ExporterKind, Rank, Snapshot
from streams.settings import Settings

__all__ = ["Deps", "Exporter", "ExporterKind", "Exporters", "Snapshot", "exporter_kinds", "make_exporters"]


@cache
def exporter_kinds() -> dict[str, ExporterKind]:
    """Every exporter there is, by name, in the order of names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    kinds: list[ExporterKind] = [module.EXPORTER for module in modules if hasattr(module, "EXPORTER")]
    return {kind.name: kind for kind in kinds}


class Exporters:
    """All exporters that the settings switch on, fed as one.

    What one of them cannot write never holds the others up: each has its own queue.
    """

    def __init__(self, members: Sequence[Exporter]) -> None:
        self.members = list(members)

    async def start(self) -> None:
        """Start each."""
        for member in self.members:
            await member.start()

    async def stop(self, deadline_s: float = 5.0) -> None:
        """Stop each, last started first; each gets until the deadline to write what it holds."""
        for member in reversed(self.members):
            await member.stop(deadline_s)

    def put(self, figures: Sequence[Figure], version: int) -> None:
        """Hand the figures of this version to each. Returns at once; never raises for what a sink does."""
        for member in self.members:
            member.put(figures, version)

    def put_transitions(self, transitions: Sequence[Transition], rank: Rank, version: int) -> None:
        """Hand the changes of tier to each; `rank` says where in the ladder a tier stands."""
        for member in self.members:
            member.put_transitions(transitions, rank, version)

    def safe_version(self) -> int:
        """Every figure of this version or an older one is written or spilled by each; −1 before any."""
        return min((member.safe_version() for member in self.members), default=2**62)

    def hand_over(self) -> None:
        """This process is no longer the owner: what it still holds may come after its successor's figures.

        What of it could cover a newer one is said by `Succession.write_again` once it is with the sink.
        """
        for member in self.members:
            member.hand_over()

    async def settle(self, version: int) -> None:
        """Return when `safe_version()` ≥ version: written, or spilled if a sink takes too long."""
        for member in self.members:
            await member.settle(version)

    async def pace(self) -> None:
        """Wait while a sink that does take points is behind (a backfill); for the disk if it is down."""
        for member in self.members:
            await member.pace()

    def status(self) -> dict[str, object]:
        """Exporter name → what it holds and how it fares."""
        return {member.name: member.status() for member in self.members}


def make_exporters(settings: Settings, deps: Deps) -> Exporters:
    """The exporters that the settings switch on."""
    return Exporters(
        [kind.make(settings, deps) for kind in exporter_kinds().values() if kind.enabled(settings)]
    )
