"""Points that reached the server when their writer may have had a successor: what that one must write again.

A server keeps what is written last, and of all points only those of closed calendar periods are ever written
with another value. A worker that fell asleep, was cut off, or comes back with points on its disk may bring
such a one after its successor brought a newer. So whoever has written asks whether it was still the owner
then; where that is not sure, it says in the cells topic which closed periods it wrote.
"""

import asyncio
from collections.abc import Sequence

from schemas.errors import PlanwatchError
from schemas.records import ClosedPeriod
from streams.exporters.base import Succession
from streams.exporters.influx.lines import closed_period
from streams.exporters.influx.report import Report

#: periods said together
TOGETHER = 500
#: lines looked at before others have the loop
_SLICE = 500


class Overtaken:
    """Finds out what may have been overtaken, and says it."""

    def __init__(self, succession: Succession, report: Report, again_s: float) -> None:
        self._succession = succession
        self._report = report
        self._again_s = again_s

    async def is_owner(self) -> bool:
        """Whether this process was the owner until now; False where the broker does not answer in time."""
        try:
            async with asyncio.timeout(self._again_s):
                return await self._succession.is_owner()
        except (PlanwatchError, TimeoutError):
            return False

    async def periods(self, lines: Sequence[str]) -> list[ClosedPeriod]:
        """The closed periods that these lines are of, each once, those of one period together."""
        found: dict[tuple[int, str, str, str], ClosedPeriod] = {}
        for number, line in enumerate(lines):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            period = closed_period(line, self._succession.closing)
            if period is not None:
                found[period.end_ms, period.window, period.kpi, str(period.scope)] = period
        return [found[place] for place in sorted(found)]

    async def tell(self, periods: Sequence[ClosedPeriod]) -> None:
        """Say them in parts of bounded size, as often as it takes."""
        for begin in range(0, len(periods), TOGETHER):
            part = periods[begin : begin + TOGETHER]
            await self._say(part)
            self._report.asked_again(len(part))

    async def _say(self, part: Sequence[ClosedPeriod]) -> None:
        while True:
            try:
                await self._succession.write_again(part)
            except PlanwatchError:  # no broker: the stage says so
                await asyncio.sleep(self._again_s)
            else:
                return
