"""Pages that wait for their pane to close, and those that may still grow after it has.

Decides at which pane end a page becomes part of the figures: when the pane closes in which it became known;
or, for a partition that was left out as idle and now comes back behind time, when the pane closes that is
open then. Later versions of a page that already counts enter as the difference. Knows nothing of scopes,
windows or KPIs.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from typing import NamedTuple

from schemas.period import MINUTE_MS
from streams.cells.page import Page, PageKey
from streams.windows.frontier import Source

Watermark = Callable[[Source], int | None]


class Waiting(NamedTuple):
    """The newest version of a page that waits, and the offset at which it stands in the log."""

    page: Page
    offset: int


class Entry(NamedTuple):
    """A page that now becomes part of the figures; `base` is the version of it that already is."""

    page: Page
    base: Page | None


def known_end(key: PageKey) -> int:
    """The end of the pane in which a page became known."""
    return key.known_ms + MINUTE_MS


class Pending:
    """Pages by the pane end at which they count; of each the version with the highest stamp."""

    def __init__(self) -> None:
        self.growing: dict[PageKey, Page] = {}
        self.touched: set[PageKey] = set()
        self.ends: list[int] = []
        self._waiting: dict[int, dict[PageKey, Waiting]] = {}
        self._stamps: dict[PageKey, int] = {}

    def take(self, page: Page, offset: int, frontier_ms: int | None, watermark: Watermark) -> int | None:
        """Keep a page until its time; gives the pane end it waits for, None when nothing new is in it."""
        end = known_end(page.key)
        if frontier_ms is not None and end <= frontier_ms:
            if _is_final(page.key, watermark):
                return None
            end = frontier_ms + MINUTE_MS
        return end if self.put(page, offset, end) else None

    def put(self, page: Page, offset: int, end_ms: int) -> bool:
        """Let a page wait for this pane end; False when a version at least as new is here."""
        if page.stamp <= self._stamps.get(page.key, -1):
            return False
        if end_ms not in self._waiting:
            self._waiting[end_ms] = {}
            insort(self.ends, end_ms)
        self._waiting[end_ms][page.key] = Waiting(page, offset)
        self._stamps[page.key] = page.stamp
        return True

    def newest(self, key: PageKey) -> Page | None:
        """The newest version of a page that waits or may still grow."""
        if key not in self._stamps:
            return None
        waiting = (self._waiting[end].get(key) for end in reversed(self.ends))
        return next((found.page for found in waiting if found is not None), self.growing.get(key))

    def waiting(self) -> Iterator[tuple[Page, Page | None, int]]:
        """The pages that wait, in order; the version of each that already counts; its pane end."""
        for end in self.ends:
            for key in sorted(self._waiting[end]):
                yield self._waiting[end][key].page, self.growing.get(key), end

    def due(self, end_ms: int, watermark: Watermark) -> list[Entry]:
        """The pages that become part of the figures at this pane end, sorted by key; they no longer wait."""
        if not self.ends or self.ends[0] != end_ms:
            return []
        waiting = self._waiting.pop(self.ends.pop(0))
        entries = []
        for key in sorted(waiting):
            page = waiting[key].page
            entries.append(Entry(page, self.growing.get(key)))
            if _is_final(key, watermark):
                self._settle(key)
            else:
                self.growing[key] = page
                self.touched.add(key)
        return entries

    def settle(self, source: Source, watermark: Watermark) -> None:
        """Forget what cannot grow any more now that this source partition has come further."""
        for key in [key for key in self.growing if (key.topic, key.partition) == source]:
            if _is_final(key, watermark) and not any(key in waiting for waiting in self._waiting.values()):
                self._settle(key)

    def grow(self, page: Page) -> None:
        """Remember, after a restart, a page that already counts and may grow."""
        self.growing[page.key] = page
        self._stamps[page.key] = page.stamp

    def late(self, frontier_ms: int | None) -> list[tuple[int, int]]:
        """(offset, pane end) of the waiting pages whose own pane has closed: what a replay cannot know."""
        if frontier_ms is None:
            return []
        return [
            (waiting.offset, end)
            for end in self.ends
            for key, waiting in sorted(self._waiting[end].items())
            if known_end(key) <= frontier_ms
        ]

    def offsets(self) -> Iterator[int]:
        """The offsets at which the waiting versions stand."""
        for waiting in self._waiting.values():
            yield from (entry.offset for entry in waiting.values())

    def _settle(self, key: PageKey) -> None:
        if self.growing.pop(key, None) is not None:
            self.touched.add(key)
        self._stamps.pop(key, None)


def _is_final(key: PageKey, watermark: Watermark) -> bool:
    mark = watermark((key.topic, key.partition))
    return mark is not None and mark >= known_end(key)
