"""What has been seen so far: tiers climbed, notices sent, curves. Answers whether the story was told.

A fold over the inbox topic and the figures of the evaluate page; knows nothing of terminals or time.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.base import scope_text
from schemas.records import Transition
from schemas.tier import NONE

_CURVE = 48
_LINES = 200


@dataclass
class Story:
    """The course of the demonstration, from `begin_ms` on. `top` is the gravest tier of the ladder."""

    top: str
    begin_ms: int = 0
    tiers: dict[tuple[str, str], Transition] = field(default_factory=dict)
    reached_top: set[tuple[str, str]] = field(default_factory=set)
    came_back: set[tuple[str, str]] = field(default_factory=set)
    curves: dict[tuple[str, str, str], deque[float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    lines: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=_LINES))
    frontier_ms: int | None = None
    notices: int = 0

    def see_transition(self, transition: Transition) -> None:
        """Take one transition; one of the time before, or one already seen, changes nothing."""
        if transition.end_ms < self.begin_ms:
            return
        key = transition.rule, scope_text(transition.scope)
        before = self.tiers.get(key)
        if before is not None and (before.end_ms, before.seq) >= (transition.end_ms, transition.seq):
            return
        self.tiers[key] = transition
        if transition.tier == self.top:
            self.reached_top.add(key)
        if transition.tier == NONE and key in self.reached_top:
            self.came_back.add(key)
        self.lines.append(
            (
                "transition",
                f"{transition.rule} {key[1] or 'company'}: {transition.previous} → {transition.tier}",
            )
        )

    def see_figures(self, figures: Iterable[dict[str, Any]], frontier_ms: int | None) -> None:
        """Take the figures that stand at a frontier; a frontier seen before adds no point to the curves."""
        if frontier_ms is None or frontier_ms == self.frontier_ms:
            return
        self.frontier_ms = frontier_ms
        for figure in figures:
            scope = ",".join(f"{name}={value}" for name, value in figure["scope"])
            curve = self.curves.setdefault((figure["kpi"], figure["window"], scope), deque(maxlen=_CURVE))
            curve.append(figure["value"])

    def see_notice_line(self, line: str) -> None:
        """Take a line that the terminal channel wrote."""
        self.lines.append(("notice", line))

    @property
    def told(self) -> bool:
        """An incident climbed to the top of the ladder and came back to none."""
        return bool(self.came_back)

    def open_tiers(self) -> list[Transition]:
        """What stands above none, newest first."""
        standing = [transition for transition in self.tiers.values() if transition.tier != NONE]
        return sorted(standing, key=lambda transition: -transition.end_ms)
