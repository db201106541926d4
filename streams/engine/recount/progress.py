"""How far a source partition has come, as far as a recount can know it.

An event that may or may not have counted may or may not have moved the watermark on. Both are kept, until an
event that has counted for certain is further than either: then there is one again. Of watermarks within one
minute the highest stands for all, because no pane tells them apart. Decides nothing about panes.
"""

from schemas.period import MINUTE_MS
from streams.windows.panes import floor_minute

#: before the first event
_NEVER = -(2**62)


class Progress:
    """The watermark, or those that it may be: lowest first.

    >>> progress = Progress(None)
    >>> progress.pass_by(60_000, 70_000, certain=True)
    >>> progress.pass_by(180_000, 190_000, certain=False)
    >>> progress.possible
    (70000, 190000)
    >>> progress.pass_by(180_000, 200_000, certain=True)
    >>> progress.possible, progress.watermark_ms
    ((200000,), 200000)
    """

    def __init__(self, watermark_ms: int | None) -> None:
        self.possible: tuple[int, ...] = (_NEVER if watermark_ms is None else watermark_ms,)

    @property
    def watermark_ms(self) -> int | None:
        """What it has reached for certain, to the minute where there are several; None before any event."""
        lowest = self.possible[0]
        return None if lowest == _NEVER else lowest

    def pass_by(self, minute_ms: int, reached_ms: int, *, certain: bool) -> None:
        """An event of this minute counts, or may count: where it is on time it moves time on."""
        before = self.possible
        may = {max(one, reached_ms) if one < minute_ms + MINUTE_MS else one for one in before}
        if not certain:
            may.update(before)
        self.possible = tuple({floor_minute(one): one for one in sorted(may)}.values())
