"""The state of an evaluation and how each kind of record changes it; nothing of how it is stored.

Decides at which pane ends there is something to close on the way to where the frontier has come, and when
catalogues change.
"""

from collections.abc import Iterable, Iterator

from schemas.catalogue import Catalogue
from schemas.errors import PlanwatchError
from schemas.period import MINUTE_MS
from schemas.records import CatalogueRecord, LayoutRecord, Ledger, Rewrite, Roster, Transition
from streams.cells.layout import layout_of
from streams.cells.page import Page
from streams.engine.evaluate.closing import Closing
from streams.engine.evaluate.columns import Columns
from streams.engine.evaluate.opening import Opening
from streams.engine.evaluate.outcome import Outcome
from streams.engine.evaluate.pending import Pending, known_end
from streams.engine.evaluate.plans import Problem
from streams.engine.evaluate.reach import Reach
from streams.engine.evaluate.since import Since
from streams.engine.evaluate.succession import succeed
from streams.windows.frontier import Frontier

Record = Ledger | Roster | LayoutRecord | CatalogueRecord | Rewrite


class State:
    """Where the fold stands. `frontier_ms`: the pane end up to which everything is judged."""

    def __init__(self) -> None:
        self.frontier_ms: int | None = None
        self.frontier = Frontier()
        self.columns = Columns()
        self.since = Since(self.columns)
        self.reach = Reach(self.columns)
        self.layouts: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.closing: Closing | None = None
        self.opening: Opening | None = None
        self.pending = Pending()
        #: offset → pane end of pages that wait although their own pane has closed, for reading them again
        self.late: dict[int, int] = {}
        self.successions = 0
        #: whether a pane is half closed
        self.is_closing = False
        #: transitions of what was found stored and is judged by nobody any more: to be told first
        self.left: list[Transition] = []

    def take(self, record: Record, timestamp_ms: int) -> Iterator[Outcome | None]:
        """Take a record that is no page, and close what it lets close; None between two steps."""
        if isinstance(record, Ledger):
            self.frontier.hear(record, timestamp_ms)
            self.pending.settle((record.topic, record.partition), self.frontier.watermark)
        elif isinstance(record, Roster):
            self.frontier.enrol(record)
        elif isinstance(record, LayoutRecord):
            self.declare(record.id, record.measures, record.dimensions)
        elif isinstance(record, CatalogueRecord):
            yield from self._succeed(record.catalogue)
        else:
            if self.closing is not None and self.frontier_ms is not None:
                yield from self.closing.write_again(record.periods, self.frontier_ms)
            return  # a question: no time passes with it
        target = self.frontier.reached(timestamp_ms)
        if target is not None and self.closing is not None:
            yield from self._close_until(self.closing, target)

    def take_page(self, page: Page, offset: int, timestamp_ms: int) -> list[Outcome]:
        """Take a page; gives what it makes certain before its pane closes."""
        before = self.pending.newest(page.key)
        end = self.pending.take(page, offset, self.frontier_ms, self.frontier.watermark)
        if end is None or self.opening is None:
            return []
        return self.opening.take(page, before, end, timestamp_ms)

    def take_again(self, page: Page, offset: int) -> None:
        """Take a page that was already taken before a restart: it waits again, unless it already counts."""
        is_open = self.frontier_ms is None or known_end(page.key) > self.frontier_ms
        # once only: read again after its pane has closed, it is a part of the figures
        end = known_end(page.key) if is_open else self.late.pop(offset, None)
        before = self.pending.newest(page.key)
        if end is not None and self.pending.put(page, offset, end) and self.opening is not None:
            self.opening.add(page, before, end)

    def declare(self, layout: str, keys: Iterable[str], dimensions: Iterable[str]) -> None:
        """Say what the columns and leaf values of a layout's pages are."""
        self.layouts[layout] = (tuple(keys), tuple(dimensions))
        if self.closing is not None:
            self.closing.intake.declare(layout, *self.layouts[layout])

    def install(self, catalogue: Catalogue) -> Closing:
        """Put a catalogue into force whose measures have their columns."""
        self.closing = Closing(catalogue, self.columns, self.since, self.reach)
        for layout, (keys, dimensions) in self.layouts.items():
            self.closing.intake.declare(layout, keys, dimensions)
        self.opening = Opening(self.closing) if Opening.is_needed(self.closing) else None
        if self.opening is not None:
            for page, before, end in self.pending.waiting():
                self.opening.add(page, before, end)
        return self.closing

    def _succeed(self, catalogue: Catalogue) -> Iterator[Outcome]:
        now = self.frontier_ms or 0
        try:
            layout = layout_of(catalogue)
        except PlanwatchError as error:
            yield Outcome(now, problems=[Problem("catalogue", catalogue.version, str(error))])
            return
        before, old = set(self.columns.keys), self.closing
        for measure, scale in zip(layout.measures, layout.scales, strict=True):
            self.columns.add(measure.key, measure.how, scale)
        if self.since.first_ms is not None:
            self.since.lacking(set(self.columns.keys) - before, now)
        self.declare(layout.id, layout.keys, layout.dimensions)
        new = self.install(catalogue)
        self.successions += 1
        transitions = succeed(old, new, self.frontier_ms) if old is not None else []
        problems = new.plans.all_problems()
        wrong = {problem[:2] for problem in problems}
        before_it = old.plans.all_problems() if old is not None else []
        mended = [problem for problem in before_it if problem[:2] not in wrong]
        yield Outcome(now, transitions, problems=problems, mended=mended)

    def _close_until(self, closing: Closing, target: int) -> Iterator[Outcome | None]:
        if self.frontier_ms is None:
            first = self.pending.ends[0] if self.pending.ends else target
            self.frontier_ms = min(first - MINUTE_MS, target)
        while self.frontier_ms < target:
            first = min([*self.pending.ends[:1], target + MINUTE_MS])
            end = yield from closing.next_end(self.frontier_ms, first)
            if end > target:
                self.is_closing = True
                yield from closing.pass_by(target)
                self.frontier_ms, self.is_closing = target, False
                return
            self.is_closing = True
            yield from closing.close(end, self.pending.due(end, self.frontier.watermark))
            if self.opening is not None:
                self.opening.close(end)
            self.frontier_ms, self.is_closing = end, False
            yield None
