"""One run of Planwatch over topics that are full: everything counted anew, by processes of their own."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from tests.bench.cpu import CpuSampler
from tests.bench.figures import Run
from tests.bench.installation import Loaded
from tests.bench.ledgers import Span, ledgers, span
from tests.bench.loading import Place
from tests.bench.progress import Progress
from tests.servers.installation import Installation
from tests.servers.planwatch import Stage
from tests.servers.waiting import ServerError, wait_until

_MOST_S = 900.0
MakeStage = Callable[[Installation], Stage]


class Counting(NamedTuple):
    """What a run took: measure's processes together, and those beside it."""

    measure: Run
    beside_cpu_s: float
    span: Span
    #: what part of measure's CPU each of its processes had
    shares: tuple[float, ...]


def plain_measure(installation: Installation) -> Stage:
    """measure as `planwatch worker measure` starts it."""
    return Stage("measure", installation.env)


def count_anew(
    loaded: Loaded,
    *,
    measure: Sequence[MakeStage] = (plain_measure,),
    beside: Sequence[str] = ("evaluate", "respond"),
    after: Callable[[], object] = lambda: None,
) -> Counting:
    """Forget what was counted, start the stages, and return when all is acknowledged and they have ended.

    `after` is called when all is counted and while the stages still run.
    """
    installation = loaded.installation
    if any(installation.ends(installation.topic("cells.v1")).values()):
        installation.run("rebuild", "--incidents", "--yes")
    others = [Stage(name, installation.env) for name in beside]
    with running(others), ExitStack() as samplers:
        for stage in others:
            stage.wait_ready()
        counters = [make(installation) for make in measure]
        with running(counters):
            used = [samplers.enter_context(CpuSampler(stage.pid)) for stage in counters]
            other = [samplers.enter_context(CpuSampler(stage.pid)) for stage in others]
            wait_acknowledged(installation, loaded.sent, counters)
            after()
        found = span(ledgers(installation), loaded.sent)

    took = [one.at(found.end_s) - one.at(found.begin_s) for one in used]
    aside = [one.at(found.end_s) - one.at(found.begin_s) for one in other]
    run = Run(found.counted, found.end_s - found.begin_s, sum(took))
    return Counting(run, sum(aside), found, tuple(one / sum(took) for one in took))


@contextmanager
def running(stages: Sequence[Stage]) -> Iterator[None]:
    """The stages, launched; at the end told to stop together, so that their groups are empty."""
    try:
        for stage in stages:
            stage.launch()
        yield
        for stage in stages:
            if not stage.alive:
                raise ServerError(f"{stage.name} ended:\n{stage.output()}")
    finally:
        for stage in stages:
            if stage.alive:
                os.kill(stage.pid, signal.SIGTERM)
        for stage in stages:
            stage.terminate()
            stage.stop()


def wait_acknowledged(
    installation: Installation, sent: Mapping[Place, int], counters: Sequence[Stage] = ()
) -> None:
    """Until the group has acknowledged everything. Asks the broker, not the worker, and not often."""
    with Progress(installation) as progress:

        def acknowledged() -> bool:
            for stage in counters:
                if not stage.alive:
                    raise ServerError(f"{stage.name} ended:\n{stage.output()}")
            offsets = progress.offsets()
            return all(offsets.get(place, 0) == number for place, number in sent.items())

        wait_until(acknowledged, "everything is counted and acknowledged", _MOST_S, pause_s=0.2)
