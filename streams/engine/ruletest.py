"""A rule's own tests, run through the very engine that judges live input.

`run_rule_test(catalogue, rule, test)` builds pages and ledgers in memory, feeds them to an `Evaluation` and
compares the tiers that were passed with `test.expect`. It decides nothing itself.

**What `given` means.** Each entry is a name and the value that it has, in natural units (major currency
units, seconds, −1 to 1), in the rule's window while the rule is judged:

- a measure of the rule's KPI: `{checkouts: 300, clicks: 10000}`; a measure that is not named is 0 (a min or
  max: nothing was folded);
- where `minimum.measure` is another KPI that is one plain measure: that KPI's id, `{order_lines: 500}`;
- `previous: {…}` with the same names: what the same window held `expect.ago` earlier. Without it: all 0;
- `silent_for: 20m`: nothing more arrives for this long (for rules with `quiet`). Without it the test is of
  the ladder alone, and `quiet` is left out of the rule.

Values are whole in the stored unit (cents, 10⁻⁶, milliseconds); others are rounded half-even to it.

**What is simulated.** One leaf whose dimensions all have the value `test`; every grouping of the rule sees
it. The first grouping in `rule.scopes` is compared. History begins long enough before that no window is
warming up, and the rule comes into force one pane before its window holds what is given, so that nothing
else is ever judged. Time then goes on until the longest hold has elapsed and five minutes more, while what
leaves the window comes again.

**What can be tested.** Holds of up to 20 hours on `24h`, 6 days on `7d` and 12 hours on calendar windows.
With `previous`, `ago` must be longer than the longest hold and five minutes, and no shorter than the
window; for `1h` at most 1h or at least 4h. Where `ago` lies before the hours that are kept (8 days),
expectations are paced by the day: `day` cannot be tested so, and `24h` is exact only on the hour (2 % more
in between).

**What `expect` means.** The tiers of the transitions, in their order, up or down: `[yellow, orange]` passed
yellow and stayed at orange; `[]` stayed at none.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.catalogue import Catalogue
from schemas.errors import FormulaError, PlanwatchError
from schemas.period import DAY_MS, HOUR_MS, MINUTE_MS, ROLLING_MS, parse_span
from schemas.records import CatalogueRecord, Ledger, Roster
from schemas.rule import Previous, Rule, RuleTest
from streams.cells.layout import Layout, layout_of
from streams.cells.page import Page, PageKey, encode_page
from streams.decisions.formula import parse_formula
from streams.engine.evaluate import Evaluation
from streams.engine.evaluate.plans import normal
from streams.windows.panes import Calendar, Period

#: a Wednesday at noon, in the middle of a month and a quarter
_NOON = 1_781_092_800_000
_TOPIC = "test"
#: the value of every dimension of the one leaf; others may be expected and silent
_VALUE = "test"
Values = dict[str, int]


class RuleTestResult(NamedTuple):
    """What became of one test: `tiers` were passed, `expected` should have been; `problem` why it could not
    run.
    """

    rule: str
    test: str
    passed: bool
    tiers: list[str]
    expected: list[str]
    problem: str = ""


def run_rule_test(catalogue: Catalogue, rule: Rule, test: RuleTest) -> RuleTestResult:
    """Run one test of a rule; never raises for what is wrong with the test, but says so in `problem`."""
    try:
        tiers = _tiers(catalogue, rule, test)
    except (PlanwatchError, ValueError, AttributeError) as error:
        return RuleTestResult(rule.id, test.name, False, [], list(test.expect), str(error))
    return RuleTestResult(rule.id, test.name, tiers == list(test.expect), tiers, list(test.expect))


def _tiers(catalogue: Catalogue, rule: Rule, test: RuleTest) -> list[str]:
    silent = "silent_for" in test.given
    if not silent:
        rule = rule.model_copy(update={"quiet": None})
    alone = _only(catalogue, rule)
    play = _Play(alone, rule, test.given)
    fold = Evaluation("rule-test")
    tiers = []
    scope = dict.fromkeys(normal(catalogue, rule.scopes[0]), _VALUE)
    for offset, value in enumerate(play.log()):
        fold.fold(offset, _NOON, value)
        for outcome in fold.advance():
            for problem in outcome.problems:
                raise FormulaError(str(problem))
            tiers += [t.tier for t in outcome.transitions if t.scope == scope]
    return tiers


def _only(catalogue: Catalogue, rule: Rule) -> Catalogue:
    """The catalogue with this rule and the KPIs that it needs."""
    kpis = {rule.kpi: catalogue.kpis[rule.kpi]}
    if rule.minimum is not None and rule.minimum.measure in catalogue.kpis:
        kpis[rule.minimum.measure] = catalogue.kpis[rule.minimum.measure]
    return catalogue.model_copy(update={"kpis": kpis, "rules": {rule.id: rule}})


class _Play:
    """The log of one test."""

    def __init__(self, catalogue: Catalogue, rule: Rule, given: Mapping[str, Any]) -> None:
        self._catalogue = catalogue
        self._rule = rule
        self._layout: Layout = layout_of(catalogue)
        installation = catalogue.installation
        self._calendar = Calendar(installation.time_zone, installation.week_start)
        self._ago = rule.expect.ago.ms if isinstance(rule.expect, Previous) else 0
        self._length = ROLLING_MS.get(rule.window, 0)
        #: of so long ago only days are kept
        self._far = self._ago + self._length > installation.keep_hours.ms + HOUR_MS
        self._begin = self._beginning()
        plain = {name: value for name, value in given.items() if name not in ("previous", "silent_for")}
        self._given = self._stored(plain)
        self._before = self._stored(given.get("previous", {}))
        holds = max((rung.hold.ms for rung in rule.ladder.values()), default=0)
        self._silent = parse_span(given["silent_for"]).ms if "silent_for" in given else None
        self._end = self._begin + (holds + 5 * MINUTE_MS if self._silent is None else self._silent)
        self._stamp = 0

    def log(self) -> Iterator[bytes]:
        """The records: history, the rule comes into force, what is given, time goes on."""
        without = self._catalogue.model_copy(update={"rules": {}})
        yield CatalogueRecord(catalogue=without).model_dump_json(by_alias=True).encode()
        yield Roster(partitions={_TOPIC: 1}).model_dump_json().encode()
        for start in sorted(self._history()):
            yield from self._pane(start, self._history()[start])
        first = self._begin - MINUTE_MS
        yield self._ledger(first)
        yield CatalogueRecord(catalogue=self._catalogue).model_dump_json(by_alias=True).encode()
        yield from self._pane(first, self._given)
        again = first + self._length
        while self._silent is None and self._length and again < self._end:
            yield from self._pane(again, self._given)
            again += self._length
        yield self._ledger(self._end)

    def _history(self) -> dict[int, Values]:
        """What became known before the rule came into force: an empty cell long ago, and what is compared
        with.
        """
        then = self._calendar.ago(self._begin, self._ago)
        longest = self._length or 400 * DAY_MS
        history: dict[int, Values] = {then - longest - 2 * DAY_MS: {}}
        if not self._ago or not self._before:
            return history
        daily = self._far and self._length == DAY_MS
        step = DAY_MS if daily else min(self._length, HOUR_MS) or HOUR_MS
        if step < self._length or not self._length:
            history[then - (30 if self._far else 2) * HOUR_MS - MINUTE_MS] = self._before
            return history
        last = min(self._calendar.ago(self._end, self._ago) + max(step, HOUR_MS), self._begin - 2 * MINUTE_MS)
        start = then - 3 * max(step, HOUR_MS) - MINUTE_MS
        while start < last:
            history[start] = self._before
            start += step
        return history

    def _beginning(self) -> int:
        """The pane end from which the window holds what is given: on an hour, well within a calendar
        period.
        """
        if self._length:
            return self._calendar.floor("day" if self._far else "hour", _NOON)
        period: dict[str, Period] = {
            "day": "day",
            "week": "week",
            "month": "month",
            "quarter": "quarter",
            "year": "year",
        }
        return self._calendar.floor(period[self._rule.window], _NOON) + (48 if self._far else 6) * HOUR_MS

    def _stored(self, given: Mapping[str, Any]) -> Values:
        """Values by measure key, in stored units."""
        stored: Values = {}
        for name, value in given.items():
            key = self._key(name)
            scale = self._layout.scales[self._layout.keys.index(key)]
            try:
                stored[key] = round(Decimal(str(value)) * scale)
            except ArithmeticError as error:
                raise FormulaError(f"{name}: {value!r} is not a number", remedy="write a number") from error
        return stored

    def _key(self, name: str) -> str:
        kpi = self._catalogue.kpis[self._rule.kpi]
        if name in kpi.measures:
            return kpi.measures[name].key
        other = self._catalogue.kpis.get(name)
        formula = parse_formula(other.value, other.measures) if other is not None else None
        if other is None or formula is None or other.value.strip() not in formula.names:
            raise FormulaError(
                f"{name!r} is no measure of {kpi.id}",
                remedy=f"name one of: {', '.join(sorted(kpi.measures))}",
            )
        return other.measures[formula.names[0]].key

    def _pane(self, start: int, values: Values) -> Iterator[bytes]:
        self._stamp += 1
        cell = list(self._layout.empty)
        for key, value in values.items():
            cell[self._layout.keys.index(key)] = value
        leaf = (_VALUE,) * len(self._layout.dimensions)
        place = PageKey(_TOPIC, 0, self._layout.id, "m", start, start, 0)
        yield encode_page(Page(place, self._stamp, self._stamp, {leaf: cell}))
        yield self._ledger(start + MINUTE_MS)

    def _ledger(self, watermark_ms: int) -> bytes:
        ledger = Ledger(topic=_TOPIC, partition=0, stamp=self._stamp, watermark_ms=watermark_ms)
        return ledger.model_dump_json().encode()
