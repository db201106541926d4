"""Rules: what they name exists, the ladder climbs, the comparison can be made."""

from collections.abc import Iterator
from itertools import pairwise

from schemas.kpi import Kpi
from schemas.rule import Constant, FromTarget, Previous, Rule
from streams.catalogue.checks.names import duplicate_ids, keyed, unknown
from streams.catalogue.checks.ruletests import check_tests
from streams.catalogue.checks.scopes import dimensions_mean_something, scopes_mean_something
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem
from streams.decisions.monotone import check_monotone

_LATER = "not in this version"


def check(draft: Draft) -> Iterator[Problem]:
    """Problems of rules/*.yaml."""
    yield from duplicate_ids(draft.rules, "rule")
    for entry, rule in draft.rules:
        kpi = draft.kpis.get(rule.kpi)
        yield from unknown(entry, (), [(("kpi",), rule.kpi)], draft.kpis.ids, "KPI")
        yield from scopes_mean_something(draft, entry, kpi, rule.scopes)
        yield from dimensions_mean_something(draft, entry, kpi, ("hint",), rule.hint)
        yield from _ladder(draft, entry, rule)
        yield from _expectation(draft, entry, rule)
        yield from _conditions(draft, entry, rule, kpi)
        yield from _update(entry, rule, kpi)
        yield from check_tests(draft, entry, rule, kpi)


def _ladder(draft: Draft, entry: Entry[Rule], rule: Rule) -> Iterator[Problem]:
    tiers = draft.ladder
    yield from unknown(entry, ("ladder",), keyed(rule.ladder), tiers, "tier", key=True)
    known = [tier for tier in rule.ladder if tier in tiers]
    for earlier, later in pairwise(known):
        if tiers.index(later) < tiers.index(earlier):
            what = f"tier {later!r} stands below the graver {earlier!r}"
            yield entry.problem(
                ("ladder", later), what, f"write the ladder from mild to grave: {', '.join(tiers)}", key=True
            )
    rungs = sorted(known, key=tiers.index)
    for mild, grave in pairwise(rungs):
        a, b = rule.ladder[mild].enter, rule.ladder[grave].enter
        if not (b < a if rule.bad == "below" else b > a):
            side = "below" if rule.bad == "below" else "above"
            what = f"{grave} enters at {b}, which is not graver than {mild} at {a}"
            yield entry.problem(
                ("ladder", grave, "enter"), what, f"bad is {rule.bad}: write a number {side} {a}"
            )
    for tier, rung in rule.ladder.items():
        if rung.hold.working:
            yield entry.problem(
                ("ladder", tier, "hold"), f"hold {rung.hold} in working hours", "hold is event time: write h"
            )
        if rule.bad == "outside" and min(rung.enter, rung.exit) < 0:
            what = f"{tier} has a negative number, but `outside` compares the size of the departure"
            yield entry.problem(("ladder", tier), what, "write it without its sign")


def _expectation(draft: Draft, entry: Entry[Rule], rule: Rule) -> Iterator[Problem]:
    expect = rule.expect
    if isinstance(expect, FromTarget):
        yield entry.problem(
            ("expect", "from"), f"expect from target is {_LATER}", "use `previous` or `constant`"
        )
    if rule.compare == "deviation":
        what = f"compare deviation is {_LATER} (it needs a seasonal baseline)"
        yield entry.problem(("compare",), what, "use ratio, difference or value")
    if isinstance(expect, Constant) and rule.compare == "ratio" and expect.value == 0:
        yield entry.problem(
            ("expect", "value"), "a ratio to 0 has no value", "use compare: difference or value"
        )
    if isinstance(expect, Previous):
        kept = [installation.keep_days for installation in draft.installation.models]
        if expect.ago.working or expect.ago.ms == 0:
            yield entry.problem(("expect", "ago"), f"ago {expect.ago} is not a shift in time", "write 7d")
        elif kept and expect.ago.ms >= kept[0].ms:
            remedy = "shorten it or raise keep_days in installation.yaml"
            yield entry.problem(
                ("expect", "ago"), f"ago {expect.ago} is further back than days are kept ({kept[0]})", remedy
            )


def _conditions(draft: Draft, entry: Entry[Rule], rule: Rule, kpi: Kpi | None) -> Iterator[Problem]:
    if rule.minimum is not None and kpi is not None:
        known = [*kpi.measures, *draft.kpis.ids]
        what = f"measure of {kpi.id} or KPI"
        yield from unknown(entry, (), [(("minimum", "measure"), rule.minimum.measure)], known, what)
    if rule.quiet is not None:
        yield from unknown(entry, (), [(("quiet", "tier"), rule.quiet.tier)], draft.ladder, "tier")
        if rule.quiet.after.working or rule.quiet.after.ms == 0:
            yield entry.problem(
                ("quiet", "after"), f"quiet after {rule.quiet.after}", "write a length of event time: 15m"
            )


def _update(entry: Entry[Rule], rule: Rule, kpi: Kpi | None) -> Iterator[Problem]:
    if rule.on != "update" or kpi is None:
        return
    reason = check_monotone(rule, kpi)
    if reason is not None:
        yield entry.problem(
            ("on",), f"on: update, but {reason}", "use on: close, or a count or sum that can only grow worse"
        )
