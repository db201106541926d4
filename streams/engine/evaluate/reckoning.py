"""Figures of a pane end: every KPI where its content changed or a clock fell due, in parts of bounded size.

A KPI that raises is set aside with its problem and written no more until the next catalogue.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from schemas.period import MINUTE_MS
from schemas.records import Transition
from streams.decisions.formula import Column
from streams.engine.evaluate.bench import Bench
from streams.engine.evaluate.columns import Rows
from streams.engine.evaluate.judging import Judgement
from streams.engine.evaluate.outcome import Outcome
from streams.engine.evaluate.plans import RAISED, Plans, Problem
from streams.engine.evaluate.rewriting import Place, Wanted
from streams.engine.evaluate.scopes import Scopes
from streams.engine.evaluate.since import Since
from streams.engine.evaluate.store import Store
from streams.engine.evaluate.sums import WindowSums
from streams.engine.evaluate.touched import Touched
from streams.engine.figures import FigureBlock, Figures
from streams.windows.spans import ToDate

#: figures in one part, about
PART = 100_000


class Reckoning:
    """The KPIs in force and where their sums are."""

    def __init__(
        self, plans: Plans, store: Store, scopes: Scopes, windows: list[WindowSums], since: Since
    ) -> None:
        self._plans = plans
        self._since = since
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
        blocks = chain(self.blocks(bench, end_ms, judgement, problems), self._late(late, problems))
        return _in_parts(end_ms, blocks, judgement.transitions, problems)

    def again(self, wanted: Mapping[Place, Wanted], end_ms: int) -> Iterator[Outcome | None]:
        """Figures of closed periods as they stand at this pane end, in parts as above."""
        blocks = chain.from_iterable(self._again(place, wanted[place]) for place in wanted)
        return _in_parts(end_ms, blocks, [], [])

    def blocks(
        self,
        bench: Bench,
        end_ms: int,
        judgement: Judgement,
        problems: list[Problem] | None,
        names: Iterable[str] | None = None,
    ) -> Iterator[FigureBlock]:
        """Figures of every KPI on the bench, in the order of KPIs, windows, scopes.

        A KPI that raises is set aside and put to the problems; without them it is left out this time only.
        """
        for name in bench.kpis(self._plans.kpis if names is None else names):
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

    def _again(self, place: Place, wanted: Wanted) -> Iterator[FigureBlock]:
        """What is wanted of a period that ends here, if one does and its days are kept."""
        spec, calendar = self._windows[place.window].spec, self._store.calendar
        if not isinstance(spec, ToDate):
            return
        start = calendar.floor(spec.period, place.end_ms - 1)
        if start < self._store.edge("d") or spec.closes(start, calendar) != place.end_ms:
            return
        whole = self._whole(spec, start)
        everything = whole.present(len(self._scopes))
        for kpi, rows in wanted.items():
            here = everything if rows is None else rows
            yield from self._blocks_of(place.window, whole, here, place.end_ms, None, [kpi])

    def _late(self, late: Mapping[tuple[int, int], Rows], problems: list[Problem]) -> Iterator[FigureBlock]:
        """Closed calendar periods that got late content, written again at their own end.

        Where nothing is known of the day after, the new period begins with nothing, and nobody has said so.
        """
        for (window, start), rows in sorted(late.items()):
            spec, calendar = self._windows[window].spec, self._store.calendar
            if not isinstance(spec, ToDate) or start < self._store.edge("d"):
                continue
            end = spec.closes(start, calendar)
            yield from self._blocks_of(window, self._whole(spec, start), rows, end, problems)
            day_after = self._store.scope_table("d", end)
            silent = rows if day_after is None else np.setdiff1d(rows, day_after.rows)
            if len(silent):
                begun = WindowSums(spec, self._store.columns, calendar)
                yield from self._blocks_of(window, begun, silent, end + MINUTE_MS, problems)

    def _whole(self, spec: ToDate, start: int) -> WindowSums:
        """A closed period as it was at its end, with all that has become known of it."""
        whole = WindowSums(spec, self._store.columns, self._store.calendar)
        whole.rebuild(spec.closes(start, self._store.calendar), self._store, len(self._scopes))
        return whole

    def _blocks_of(
        self,
        window: int,
        sums: WindowSums,
        rows: Rows,
        end_ms: int,
        problems: list[Problem] | None,
        names: Sequence[str] | None = None,
    ) -> Iterator[FigureBlock]:
        """Figures of some scopes over one window that is not as it stands now.

        A KPI with a measure that was not yet counted when the period began is left out: the sums say too
        little, and what is written for it is better.
        """
        here = [sums if number == window else other for number, other in enumerate(self._windows)]
        bench = Bench.at_once(here, self._scopes, Touched({window: rows}))
        begin = sums.spec.at(end_ms, self._store.calendar).start
        known = [
            name
            for name in (self._plans.kpis if names is None else names)
            if name in self._plans.kpis and not self._since.lacks(self._plans.kpis[name].measured, begin)
        ]
        return self.blocks(bench, end_ms, Judgement(), problems, known)


def _in_parts(
    end_ms: int, made: Iterator[FigureBlock], transitions: list[Transition], problems: list[Problem]
) -> Iterator[Outcome | None]:
    """Outcomes of about `PART` figures, None between two KPIs; each with the problems until then."""
    blocks: list[FigureBlock] = []
    size = 0
    for block in made:
        blocks.append(block)
        size += len(block)
        if size >= PART:
            yield Outcome(end_ms, transitions, Figures(blocks), problems[:])
            transitions, blocks, size = [], [], 0
            problems.clear()
        else:
            yield None
    yield Outcome(end_ms, transitions, Figures(blocks), problems)


def _expected(size: int, hoped: list[tuple[Rows, Column]]) -> Column:
    """Expectations by position; where several rules have one, that of the first rule."""
    found = np.full(size, np.nan)
    for at, expected in reversed(hoped):
        found[at] = expected
    return found
