"""A figure: what was measured in several runs, and what it must reach.

A machine's speed swings from minute to minute, so a figure is the median of runs that were taken in turns
with what they are compared to, and shows how far they lay apart. Rates are also taken for a second of CPU of
the process: that swings less, and does not depend on what else the machine does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import NamedTuple


class Run(NamedTuple):
    """One run of a process over so many events: seconds on the wall, and of CPU."""

    events: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Events a second."""
        return self.events / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        """Events a second of CPU."""
        return self.events / self.cpu_s


@dataclass(frozen=True)
class Figure:
    """One line of the table. `at_least` and `below` are what it must reach; neither: it is shown only."""

    name: str
    runs: tuple[float, ...]
    unit: str = ""
    at_least: float | None = None
    below: float | None = None
    aim: float | None = None

    @property
    def median(self) -> float:
        """The middle of the runs."""
        return median(self.runs)

    @property
    def reached(self) -> bool | None:
        """Whether it is as it must be; None where nothing is asked."""
        if self.at_least is None and self.below is None:
            return None
        enough = self.at_least is None or self.median >= self.at_least
        return enough and (self.below is None or self.median < self.below)


@dataclass
class Figures:
    """All figures of a session, in the order in which they were measured."""

    all: list[Figure] = field(default_factory=list)
    #: tables of shares, by name
    shares: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, name: str, runs: Sequence[float], unit: str = "", **limits: float) -> Figure:
        """Write a figure down; the test that did fails at its end if it is missed."""
        figure = Figure(name, tuple(map(float, runs)), unit, **limits)
        self.all.append(figure)
        return figure

    def rates(self, name: str, runs: Sequence[Run]) -> None:
        """Write down how many events a second, and a second of CPU, without asking anything of it."""
        self.add(f"{name}", [run.per_s for run in runs], "events/s")
        self.add(f"{name}, a CPU second", [run.per_cpu_s for run in runs], "events/s")
        self.add(f"{name}, CPU by wall", [run.cpu_s / run.wall_s for run in runs])

    def missed(self, since: int = 0) -> list[Figure]:
        """What was asked and not reached, among the figures from `since` on."""
        return [figure for figure in self.all[since:] if figure.reached is False]


def in_turns(runs: int, *things: Callable[[], Run]) -> list[list[Run]]:
    """Each thing so many times, one after the other in turns; gives the runs of each.

    Each turn has an order of its own: none always comes after the same, and what that leaves to do.
    """
    found: list[list[Run]] = [[] for _ in things]
    pairs = list(zip(things, found, strict=True))
    for turn in range(runs):
        for thing, kept in Random(turn).sample(pairs, len(pairs)):
            kept.append(thing())
    return found


def ratios(ours: Sequence[Run], theirs: Sequence[Run], rate: Callable[[Run], float]) -> list[float]:
    """Ours by theirs, turn by turn: what lies close together in time saw the same machine."""
    return [rate(one) / rate(other) for one, other in zip(ours, theirs, strict=True)]
