"""Pages that a source partition wrote under another catalogue's layout, until they are final.

New events go to pages of the layout in force. But after a crash, events that the former pages have counted
already, beyond the ledger's stamp, come again: those must not count a second time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.period import MINUTE_MS
from streams.cells.fold import LeafOf, compile_leaf
from streams.engine.measure_panes import LivePage, PaneKey


@dataclass(slots=True)
class _Former:
    page: LivePage
    leaf_of: LeafOf | None


class FormerPages:
    """The pages of former layouts. `layouts`: the dimensions of each, as far as its row was found."""

    def __init__(self, layouts: Mapping[str, tuple[str, ...]]) -> None:
        self._leaf_of = {layout: compile_leaf(dimensions) for layout, dimensions in layouts.items()}
        self._pages: list[_Former] = []

    def add(self, page: LivePage) -> None:
        """Take over a stored page."""
        self._pages.append(_Former(page, self._leaf_of.get(page.key.layout)))

    def page_with(self, pane: PaneKey, dimensions: Mapping[str, str | None], offset: int) -> LivePage | None:
        """The page that has counted the event at this offset already; None: none has."""
        for former in self._pages:
            page, leaf_of = former.page, former.leaf_of
            same = (page.key.grain, page.key.start_ms, page.key.known_ms) == pane and page.stamp >= offset
            if same and leaf_of is not None and leaf_of(dimensions) in page.cells:
                return page
        return None

    def pages(self) -> Iterator[LivePage]:
        """Every page that is held."""
        return (former.page for former in self._pages)

    def retire(self, watermark_ms: int) -> list[LivePage]:
        """Let go of the pages that are final."""
        final = [one.page for one in self._pages if one.page.key.known_ms + MINUTE_MS <= watermark_ms]
        self._pages = [one for one in self._pages if one.page.key.known_ms + MINUTE_MS > watermark_ms]
        return final
