"""What exporters may ask about whose figures count, answered by the stage that owns them or does not.

Decides at which pane ends a calendar window is closed, in the business time zone. Refuses to know sinks.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from schemas.catalogue import Catalogue
from schemas.errors import StateError
from schemas.period import CALENDAR
from schemas.records import ClosedPeriod
from streams.windows.panes import Calendar
from streams.windows.spans import ToDate, spec_of

#: answers kept: a spill file of a day has few ends
_ENDS = 10_000


class Owner(Protocol):
    """The stage, as far as this goes."""

    async def is_owner(self) -> bool: ...

    async def write_again(self, periods: Sequence[ClosedPeriod]) -> None: ...


class Ownership:
    """See `Succession`. `stage` is set when there is one: exporters are there before it."""

    def __init__(self, catalogue: Catalogue) -> None:
        installation = catalogue.installation
        self._calendar = Calendar(installation.time_zone, installation.week_start)
        self.stage: Owner | None = None
        #: pane end → the calendar windows whose period ends there
        self.closing = lru_cache(_ENDS)(self._closing)

    def _closing(self, end_ms: int) -> frozenset[str]:
        if not self._closes("day", end_ms):
            return frozenset()
        return frozenset(window for window in CALENDAR if self._closes(window, end_ms))

    def _closes(self, window: str, end_ms: int) -> bool:
        spec = spec_of(window)
        if not isinstance(spec, ToDate):
            return False
        return spec.closes(self._calendar.floor(spec.period, end_ms - 1), self._calendar) == end_ms

    async def is_owner(self) -> bool:
        """Whether nobody else owned the figures until now."""
        return self.stage is not None and await self.stage.is_owner()

    async def write_again(self, periods: Sequence[ClosedPeriod]) -> None:
        """Ask whoever owns the figures for these."""
        if self.stage is None:
            raise StateError("the stage has not begun")
        await self.stage.write_again(periods)
