"""The pages of a source partition as a recount makes them: which leaf stands on which page, and its cells.

A pane's leaves are numbered in the order in which they come; a page holds so many of them. An event beyond
the offset up to which its page is to be compared gives its leaf a place and is not counted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.cells.layout import Cell, Layout, Leaf
from streams.cells.page import ROOM, PageKey
from streams.engine.recount.measures import KindMeasures
from streams.engine.recount.source import LogRecord, Pane, Verdict


@dataclass(slots=True)
class RecountedPage:
    """The cells of a page by leaf, and the offset of its first event."""

    first: int
    cells: dict[Leaf, Cell] = field(default_factory=dict)


@dataclass(slots=True)
class _Counting:
    """A pane that may still grow: the page number of each leaf, and the pages."""

    numbers: dict[Leaf, int] = field(default_factory=dict)
    pages: dict[int, RecountedPage] = field(default_factory=dict)


class RecountedPages:
    """The pages of one source partition that may still grow.

    `up_to` gives, for a page, the offset up to which it is to be counted.
    """

    def __init__(
        self,
        source: tuple[str, int],
        layout: Layout,
        measures: Mapping[str, KindMeasures],
        up_to: Callable[[PageKey], int],
        room: int = ROOM,
    ) -> None:
        self._source, self._layout, self._room = source, layout, room
        self._measures = measures
        self._up_to = up_to
        self._panes: dict[Pane, _Counting] = {}

    def add(self, record: LogRecord, event: Mapping[str, Any], verdict: Verdict) -> None:
        """Count an event where its verdict says."""
        assert verdict.pane is not None
        pane = self._panes.setdefault(verdict.pane, _Counting())
        number = pane.numbers.setdefault(verdict.leaf, len(pane.numbers) // self._room)
        page = pane.pages.setdefault(number, RecountedPage(record.offset))
        if record.offset <= self._up_to(self._key(verdict.pane, number)):
            cell = page.cells.setdefault(verdict.leaf, list(self._layout.empty))
            self._measures[event["kind"]].add(event, cell, verdict.delay_ms)

    def final(self, watermark_ms: int | None) -> Iterator[tuple[PageKey, RecountedPage]]:
        """Give up the pages that nothing can reach any more; None: all of them."""
        done = [p for p in self._panes if watermark_ms is None or p.known_end_ms <= watermark_ms]
        for pane in done:
            for number, page in self._panes.pop(pane).pages.items():
                yield self._key(pane, number), page

    def _key(self, pane: Pane, number: int) -> PageKey:
        return PageKey(*self._source, self._layout.id, pane.grain, pane.start_ms, pane.known_ms, number)
