"""Pages that a source partition wrote under another catalogue's layout, until they are final.

New events go to pages of the layout in force. But after a crash, events that the former pages have counted
already, beyond the ledger's stamp, come again: those must not count a second time.
"""

from collections.abc import Iterator, Mapping

from schemas.dimension import UNKNOWN
from schemas.period import MINUTE_MS
from streams.cells.layout import Leaf
from streams.engine.measure_panes import LivePage, PaneKey
from streams.engine.measure_values import DimensionValues


class FormerPages:
    """The pages of former layouts.

    `layouts`: the dimensions of each layout that ever was. `values`: those in force, shared with the fold.
    """

    def __init__(self, layouts: Mapping[str, tuple[str, ...]], values: DimensionValues) -> None:
        self._layouts = layouts
        self._values = values
        self._pages: list[LivePage] = []

    def add(self, page: LivePage) -> None:
        """Take over a stored page."""
        self._pages.append(page)

    def page_with(self, pane: PaneKey, dimensions: Mapping[str, str | None], offset: int) -> LivePage | None:
        """The page that has counted the event at this offset already; None: none has.

        The event's own values must be admitted before.
        """
        for page in self._pages:
            same = (page.key.grain, page.key.start_ms, page.key.known_ms) == pane and page.stamp >= offset
            if same and self._leaf(page.key.layout, dimensions) in page.cells:
                return page
        return None

    def _leaf(self, layout: str, dimensions: Mapping[str, str | None]) -> Leaf:
        names = self._layouts.get(layout, ())
        return tuple(self._values.kept(name, dimensions.get(name) or UNKNOWN) for name in names)

    def pages(self) -> Iterator[LivePage]:
        """Every page that is held."""
        return iter(self._pages)

    def retire(self, watermark_ms: int) -> list[LivePage]:
        """Let go of the pages that are final."""
        final = [page for page in self._pages if page.key.known_ms + MINUTE_MS <= watermark_ms]
        self._pages = [page for page in self._pages if page.key.known_ms + MINUTE_MS > watermark_ms]
        return final
