"""Closing panes under one catalogue: what became known enters, what is too old leaves, what changed is
judged.

Finds the next pane end at which anything can change, so that silence costs nothing, and brings store,
windows and tiers to it. Knows nothing of the log: pages come already chosen.
"""

from collections.abc import Iterable, Iterator

from schemas.base import Scope
from schemas.catalogue import Catalogue
from schemas.period import HOUR_MS, MINUTE_MS
from schemas.records import ClosedPeriod
from streams.decisions.verdict import Reason, reasons
from streams.engine.evaluate.bench import Bench
from streams.engine.evaluate.columns import Columns, Rows, Table
from streams.engine.evaluate.due import Due
from streams.engine.evaluate.earlier import Earlier
from streams.engine.evaluate.intake import Intake
from streams.engine.evaluate.journal import Journal
from streams.engine.evaluate.judging import Judge, Judgement
from streams.engine.evaluate.outcome import Outcome
from streams.engine.evaluate.parts import Partition
from streams.engine.evaluate.pending import Entry
from streams.engine.evaluate.plans import Problem, begun_with, make_plans
from streams.engine.evaluate.reach import Reach
from streams.engine.evaluate.reckoning import Reckoning
from streams.engine.evaluate.rewriting import asked_for
from streams.engine.evaluate.scopes import Leaves, Scopes
from streams.engine.evaluate.settling import Settling
from streams.engine.evaluate.since import Since
from streams.engine.evaluate.steps import Steps, at_once
from streams.engine.evaluate.store import Kept, Store
from streams.engine.evaluate.sums import WindowSums
from streams.engine.evaluate.tiers import RuleTiers
from streams.engine.evaluate.touched import Change, Touched, union
from streams.engine.figures import Figure
from streams.windows.panes import Calendar
from streams.windows.spans import PaneGrain, ToDate

_TOO_LARGE = (
    "its sums are too large to be exact (2^62 stored units); give its measure a `where` that leaves out what "
    "is absurd, or take the event back and run `planwatch rebuild`"
)


class Closing:
    """Everything that holds under one catalogue: panes, windows, plans, tiers."""

    def __init__(self, catalogue: Catalogue, columns: Columns, since: Since, reach: Reach) -> None:
        installation = catalogue.installation
        self.catalogue = catalogue
        self.columns = columns
        self.since = since
        self.calendar = Calendar(installation.time_zone, installation.week_start)
        self.kept = Kept(installation)
        self.plans = make_plans(catalogue, columns)
        self.leaves = Leaves(catalogue.dimensions)
        self.scopes = Scopes(self.leaves, self.plans.groupings)
        self.store = Store(columns, self.calendar, self.kept)
        self.intake = Intake(columns, self.leaves, reach)
        self.journal = Journal(columns, self.leaves, self.calendar, self.kept)
        self.windows = [WindowSums(spec, columns, self.calendar) for spec in self.plans.specs]
        self.judge = Judge(catalogue, self.plans, self.windows, self.scopes, since)
        self.judge.partition = Partition(catalogue, self.store, self.scopes)
        self._begun_with = begun_with(self.plans.windows)
        looking_back = self._look_back()
        self.judge.settling = Settling(self.plans.specs, looking_back, since, self.store)
        self.due = Due(catalogue, columns, self.judge, self.scopes, looking_back)
        self.reckoning = Reckoning(self.plans, self.store, self.scopes, self.windows, since)
        self._leave_out()

    def _look_back(self) -> dict[tuple[int, int], list[RuleTiers]]:
        """Rules by the earlier window that they look at, (window, ago in ms), each of which is made here."""
        found: dict[tuple[int, int], list[RuleTiers]] = {}
        for tiers in self.judge.tiers:
            if tiers.plan.ago_ms is not None:
                found.setdefault((tiers.plan.window, tiers.plan.ago_ms), []).append(tiers)
        for (window, ago_ms), rules in found.items():
            measured = {column for tiers in rules for column in tiers.plan.measured}
            earlier = Earlier(self.plans.specs[window], ago_ms, self.store, measured)
            self.judge.earlier[window, ago_ms] = earlier
        return found

    def _leave_out(self) -> list[Problem]:
        """Set aside what reads measures whose sums are no longer exact."""
        self.intake.reach.news = False
        lost = set(self.intake.reach.places())
        found = []
        for tiers in self.judge.tiers.in_force():
            if lost & tiers.plan.columns():
                tiers.aside = True
                found.append(self.plans.set_aside("rule", tiers.plan.rule.id, _TOO_LARGE))
        for name, kpi in sorted(self.plans.kpis.items()):
            if lost & set(kpi.columns.values()):
                found.append(self.plans.set_aside("kpi", name, _TOO_LARGE))
        return found

    def set_aside(self, kind: str, name: str, text: str) -> None:
        """Leave a KPI or a rule out again, as it was before a restart."""
        self.plans.set_aside(kind, name, text)
        if kind == "rule" and name in self.judge.tiers.rules:
            self.judge.tiers.rules[name].aside = True

    def reserve(self) -> Steps[None]:
        """Take in new leaves and have room for their scopes everywhere."""
        yield from self.scopes.growing()
        self.judge.tiers.reserve(len(self.scopes))

    def rebuild(self, end_ms: int) -> None:
        """Make the windows anew from the panes, as of this pane end."""
        at_once(self.reserve())
        for sums in self.windows:
            sums.rebuild(end_ms, self.store, len(self.scopes))

    def next_end(self, after_ms: int, until_ms: int) -> Steps[int]:
        """The next pane end at which anything can change without a new page, if it is before `until_ms`;
        that time otherwise.
        """
        ends = [sums.next_change(self.store) for sums in self.windows]
        ends += [earlier.next_move(after_ms) for earlier in self.judge.earlier.values()]
        first = min([until_ms, *(end for end in ends if end is not None and end > after_ms)])
        due = yield from self.judge.tiers.next_due(first)
        return max(due, after_ms + MINUTE_MS)  # a clock that ran out before, by another catalogue, is due now

    def pass_by(self, end_ms: int) -> Steps[None]:
        """Come to a pane end before which nothing can change."""
        self.store.prune(end_ms)
        yield from self.journal.turn(end_ms)

    def tiers(self) -> Iterator[tuple[str, Scope, str, int]]:
        """Rule, scope, tier and since when, of everything that is not at none; sorted."""
        items = self.scopes.items
        for name, tiers in sorted(self.judge.tiers.rules.items()):
            for row in sorted(tiers.states, key=items.__getitem__):
                state = tiers.states[row]
                if state.shown:
                    yield name, dict(items[row]), tiers.plan.ladder.tier(state.shown), state.since_ms

    def figures_now(self, end_ms: int) -> Iterator[Figure]:
        """Every figure with content, as of this pane end."""
        bench = self._everything()
        judgement = Judgement()
        for plan, judged in self.judge.look(bench, end_ms):
            judgement.expected.setdefault(plan.kpi.kpi.id, []).append((judged.at, judged.expected))
        for block in self.reckoning.blocks(bench, end_ms, judgement, None):
            yield from block

    def verdicts_now(self, end_ms: int) -> Iterator[tuple[str, str, int]]:
        """Rule, reason and number of scopes, as of this pane end."""
        for plan, judged in self.judge.look(self._everything(), end_ms):
            found = reasons(plan.rule, judged.values, judged.expected, judged.volume, warm=judged.warm)
            for reason in Reason:
                count = int((found == reason).sum())
                if count:
                    yield plan.rule.id, reason.text, count

    def write_again(self, periods: Iterable[ClosedPeriod], frontier_ms: int) -> Iterator[Outcome | None]:
        """The figures of closed periods as they stand now; what is not closed, kept or known is left out."""
        wanted = asked_for(periods, frontier_ms, self.plans.specs, self.scopes)
        yield from self.reckoning.again(wanted, frontier_ms)

    def _everything(self) -> Bench:
        present = {window: sums.present(len(self.scopes)) for window, sums in enumerate(self.windows)}
        return Bench.at_once(self.windows, self.scopes, Touched(present))

    def close(self, end_ms: int, entries: list[Entry]) -> Iterator[Outcome | None]:
        """Bring everything to this pane end, and hand over what follows in parts of bounded size.

        None stands between two steps: in between a pane is half closed. Uses the entries up.
        """
        self.store.prune(end_ms)
        yield from self.journal.turn(end_ms - MINUTE_MS)
        touched = Touched()
        for window, sums in enumerate(self.windows):
            touched.change(window, (yield from sums.move(end_ms, self.store)))
        late = yield from self._enter(end_ms, entries, touched)
        lost = self._leave_out() if self.intake.reach.news else []
        yield from self.due.mark(end_ms, touched)
        for window, sums in enumerate(self.windows):
            if sums.is_whole(end_ms):
                touched.fill(window, sums.present(len(self.scopes)))
            elif end_ms % HOUR_MS == 0:
                touched.fill(window, touched.changed(window))
        yield from self._judge(end_ms, touched, late, lost)
        yield from self.journal.turn(end_ms)

    def _enter(
        self, end_ms: int, entries: list[Entry], touched: Touched
    ) -> "Steps[dict[tuple[int, int], Rows]]":
        if not entries:
            return {}
        if self.since.first_ms is None:
            self.since.begin(end_ms - MINUTE_MS)
            self.due.expect(end_ms - MINUTE_MS)
        for layout in {entry.page.key.layout for entry in entries}:
            self.since.lacking(self.intake.lacks(layout), end_ms)
        tables = yield from self.intake.tables(entries)
        yield from self.reserve()
        late: dict[tuple[int, int], list[Rows]] = {}
        for (grain, start), table in tables.items():
            scopes = yield from self.scopes.rolling_up(table, self.columns)
            yield from self.store.add(grain, start, table, scopes, end_ms)
            yield from self.journal.note(end_ms, grain, start, table)
            yield from self.due.hear(scopes, end_ms, touched)
            yield from self._spread(grain, start, scopes, touched, late)
        return {period: union(rows) for period, rows in late.items()}

    def _spread(
        self,
        grain: PaneGrain,
        start: int,
        table: Table,
        touched: Touched,
        late: "dict[tuple[int, int], list[Rows]]",
    ) -> Steps[None]:
        """Add to the windows that are open for this pane; note the closed periods that it belongs to."""
        change = Change(table.rows, self.columns.held(table.values))
        begun: dict[int, Rows] = {}
        for window, sums in enumerate(self.windows):
            if not sums.spec.takes(grain):
                continue
            if sums.open_for(start):
                begun[window] = sums.enter(table)
                touched.change(window, change)
                yield
            elif isinstance(sums.spec, ToDate):
                period = self.calendar.floor(sums.spec.period, start)
                late.setdefault((window, period), []).append(table.rows)
        for window, rows in begun.items():
            for other in begun.keys() & self._begun_with[window]:
                touched.fill(other, rows)

    def _judge(
        self, end_ms: int, touched: Touched, late: "dict[tuple[int, int], Rows]", lost: list[Problem]
    ) -> Iterator[Outcome | None]:
        if not touched and not late:
            yield Outcome(end_ms, problems=lost)
            return
        bench = Bench(self.scopes, touched)
        yield from bench.laying(self.windows)
        judgement = yield from self.judge.judge(bench, end_ms, touched.turned)
        judgement.problems[:0] = lost
        yield from self.reckoning.outcomes(bench, end_ms, judgement, late)
