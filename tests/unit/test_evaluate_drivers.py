"""Drivers are said alike whatever the process that says them has lived through."""

import pytest

from schemas.records import Driver
from tests.evaluate_builders import HOUR, MINUTE, MONDAY, CellsLog, catalogue, previous, rule, run, rung

T = MONDAY + 12 * HOUR
FALL = rule(
    "fall",
    kpi="revenue",
    window="5m",
    expect=previous("10m"),
    scopes=[[]],
    hint=["region"],
    ladder={"red": rung(0.1, 0.2)},
)
#: region → cents in a minute before and after the fall: as floats, the sum of what was lost depends on order
REGIONS = {
    "Centre": (130_56, 12),
    "East": (163_15, 71),
    "North": (296_64, 55),
    "South": (295_59, 8),
    "West": (281_03, 73),
}


def feed(log: CellsLog, regions: "dict[str, int]", minute: int) -> None:
    """A minute in which these regions have sold for so much."""
    cells = {(region, "store"): {"order.sum.amount": cents} for region, cents in regions.items()}
    log.add(cells, T + minute * MINUTE)
    log.reach(T + (minute + 1) * MINUTE)


def said(met: "tuple[str, ...]", regions: "tuple[str, ...]") -> list[Driver]:
    """The drivers of the fall, by a process that met regions one after the other and long ago."""
    log = CellsLog(catalogue([FALL]))
    for minute, region in enumerate(met):
        feed(log, {region: 1}, minute)
    for minute in range(30, 60):
        feed(log, {region: REGIONS[region][minute >= 50] for region in regions}, minute)
    worse = [one for outcome in run(log.records) for one in outcome.transitions if one.cause == "worse"]
    return worse[-1].drivers


def test_drivers_do_not_depend_on_the_order_in_which_leaves_became_known() -> None:
    regions = tuple(REGIONS)
    first = said(regions, regions)
    assert len(first) == 3
    for met in (("Centre", "East", "North", "West", "South"), regions[::-1]):
        assert said(met, regions) == first  # to the last digit


@pytest.mark.parametrize("regions", [("East",), ("East", "West")])
def test_a_part_that_holds_nothing_any_more_is_none(regions: "tuple[str, ...]") -> None:
    assert said(("South", "North", *regions), regions) == said(regions, regions)
