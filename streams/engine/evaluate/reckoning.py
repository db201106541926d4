"""Figures of a pane end: every KPI where its content changed or a clock fell due, in parts of bounded size.

A KPI that raises is set aside with its problem and written no more until the next catalogue.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np

from schemas.period import MINUTE_MS
from streams.decisions.formula import Column
from streams.engine.evaluate.bench import Bench
from streams.engine.evaluate.columns import Rows
from streams.engine.evaluate.judging import Judgement
from streams.engine.evaluate.outcome import Outcome
from streams.engine.evaluate.plans import RAISED, Plans, Problem
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.store import Store
from streams.engine.evaluate.sums import WindowSums
from streams.engine.evaluate.touched import Touched
from streams.engine.figures import FigureBlock, Figures
from streams.windows.spans import ToDate

#: figures in one part, about
PART = 100_000


class Reckoning:
    """The KPIs in force and where their sums are."""

    def __init__(self, plans: Plans, store: Store, scopes: Scopes, windows: list[WindowSums]) -> None:
        self._plans = plans
        self._store = store
        self._scopes = scopes
        self._windows = windows

    def outcomes(
        self,
        bench: Bench,
        end_ms: int,
        judgement: Judgement,
        late: Mapping[tuple[int, int], Rows],
    ) -> Iterator[Outcome | None]:
        """The outcome of a pane end; more than one where its figures are many, None between two KPIs."""
        problems = list(judgement.problems)
        transitions = judgement.transitions
        blocks: list[FigureBlock] = []
        size = 0
        for block in chain(self.blocks(bench, end_ms, judgement, problems), self._late(late, problems)):
            blocks.append(block)
            size += len(block)
            if size >= PART:
                yield Outcome(end_ms, transitions, Figures(blocks), problems)
                transitions, blocks, problems, size = [], [], [], 0
            else:
                yield None
        yield Outcome(end_ms, transitions, Figures(blocks), problems)

    def blocks(
        self, bench: Bench, end_ms: int, judgement: Judgement, problems: list[Problem] | None
    ) -> Iterator[FigureBlock]:
        """Figures of every KPI on the bench, in the order of KPIs, windows, scopes.

        A KPI that raises is set aside and put to the problems; without them it is left out this time only.
        """
        for name in bench.kpis(self._plans.kpis):
            kpi = self._plans.kpis[name]
            try:
                at = bench.written(kpi)
                if not len(at):
                    continue
                values = bench.values(kpi)[at]
            except RAISED as error:
                if problems is not None:
                    problems.append(self._plans.set_aside("kpi", name, f"{type(error).__name__}: {error}"))
                continue
            hoped = judgement.expected.get(name)
            expected = None if hoped is None else _expected(len(bench), hoped)[at]
            known = ~np.isnan(values)
            if not known.all():
                at, values = at[known], values[known]
                expected = None if expected is None else expected[known]
            if len(at):
                yield FigureBlock(name, end_ms, bench.labels, at, values, expected)

    def again(self, periods: Mapping[tuple[int, int], Rows | None], end_ms: int) -> Iterator[Outcome | None]:
        """Closed periods by (window, end) as they stand now, some scopes or all, each as an outcome."""
        for (window, end), rows in sorted(periods.items()):
            problems: list[Problem] = []
            start = self._start(window, end)
            if start is None:
                continue
            blocks = list(self._closed(window, start, rows, problems))
            yield Outcome(end_ms, [], Figures(blocks), problems)

    def _start(self, window: int, end: int) -> int | None:
        """Where the period that ends here began, if one does and its days are kept."""
        spec, calendar = self._windows[window].spec, self._store.calendar
        if not isinstance(spec, ToDate):
            return None
        start = calendar.floor(spec.period, end - 1)
        return start if start >= self._store.edge("d") and spec.closes(start, calendar) == end else None

    def _late(self, late: Mapping[tuple[int, int], Rows], problems: list[Problem]) -> Iterator[FigureBlock]:
        """Closed calendar periods that got late content, written again at their own end.

        Where nothing is known of the day after, the new period begins with nothing, and nobody has said so.
        """
        for (window, start), rows in sorted(late.items()):
            spec, calendar = self._windows[window].spec, self._store.calendar
            if not isinstance(spec, ToDate) or start < self._store.edge("d"):
                continue
            yield from self._closed(window, start, rows, problems)
            end = spec.closes(start, calendar)
            day_after = self._store.scope_table("d", end)
            silent = rows if day_after is None else np.setdiff1d(rows, day_after.rows)
            if len(silent):
                begun = WindowSums(spec, self._store.columns, calendar)
                yield from self._blocks_of(window, begun, silent, end + MINUTE_MS, problems)

    def _closed(
        self, window: int, start: int, rows: Rows | None, problems: list[Problem]
    ) -> Iterator[FigureBlock]:
        """A closed period at its end; `rows` None: every scope that has content in it."""
        spec, calendar = self._windows[window].spec, self._store.calendar
        assert isinstance(spec, ToDate)
        end = spec.closes(start, calendar)
        whole = WindowSums(spec, self._store.columns, calendar)
        whole.rebuild(end, self._store, len(self._scopes))
        if rows is None:
            rows = whole.present(len(self._scopes))
        yield from self._blocks_of(window, whole, rows, end, problems)

    def _blocks_of(
        self, window: int, sums: WindowSums, rows: Rows, end_ms: int, problems: list[Problem]
    ) -> Iterator[FigureBlock]:
        """Figures of some scopes over one window that is not as it stands now."""
        here = [sums if number == window else other for number, other in enumerate(self._windows)]
        bench = Bench.at_once(here, self._scopes, Touched({window: rows}))
        return self.blocks(bench, end_ms, Judgement(), problems)


def _expected(size: int, hoped: list[tuple[Rows, Column]]) -> Column:
    """Expectations by position; where several rules have one, that of the first rule."""
    found = np.full(size, np.nan)
    for at, expected in reversed(hoped):
        found[at] = expected
    return found
