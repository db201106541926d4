"""How long a pane close takes at the size planned for, and for how long at a time the loop would stand still.

A step is what lies between two points at which control comes back. Times are of this process: other load on
the machine does not count.
"""

import gc
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from streams.engine.evaluate import Evaluation
from streams.exporters.influx.lines import LineWriter
from tests.bench.evaluation_load import Load, company
from tests.bench.figures import Figures
from tests.evaluate_builders import HOUR, MINUTE, MONDAY

pytestmark = pytest.mark.timeout(900)
BEGIN = MONDAY + 6 * HOUR
#: minute since the beginning → leaves that are alive in it. What comes first makes the windows full, then as
#: much leaves them, and the earlier windows, as enters
FED = {0: 1} | dict.fromkeys((60, 61, 62, 63, 120, 121, 122, 123, 175, 176, 177), 20_000)
FED[193] = 200
#: ordinary minutes, one that ends an hour, one that ends a quarter of an hour, and one with hardly anything
LOOKED_AT = {178: 20_000, 179: 20_000, 180: 20_000, 181: 20_000, 182: 200, 194: 20_000}
TOTAL_S, STEP_S, LEAVES = 1.0, 0.050, 20_000


class Close(NamedTuple):
    """What one pane close cost, in seconds of this process."""

    minute: int
    taking_s: float
    total_s: float
    longest_s: float
    steps: int
    figures: int
    points_s: float
    transitions: int


def close(fold: Evaluation, records: list[tuple[int, int, bytes]], minute: int) -> Close:
    """Give a minute's records to the fold and let it close the pane."""
    begun = time.process_time()
    for record in records:
        fold.fold(*record)
    taking = time.process_time() - begun
    steps, outcomes = [], []
    begun = time.process_time()
    for outcome in fold.steps():
        steps.append(time.process_time() - begun)
        if outcome is not None:
            outcomes.append(outcome)
        begun = time.process_time()
    steps.append(time.process_time() - begun)
    begun = time.process_time()
    LineWriter().figures(tuple(outcomes[0].figures))
    points = time.process_time() - begun
    return Close(
        minute, taking, sum(steps), max(steps), len(steps), sum(len(o.figures) for o in outcomes), points,
        sum(len(o.transitions) for o in outcomes),
    )  # fmt: skip


@pytest.fixture(scope="module")
def closes() -> Iterator[list[Close]]:
    """Three hours, of which a few minutes are fed and fewer measured."""
    load, fold, measured = Load(company(), BEGIN), Evaluation("bench"), []
    for record in load.log.records[:]:
        fold.fold(*record)
    for minute, leaves in sorted((FED | LOOKED_AT).items()):
        if minute in LOOKED_AT and not measured:
            gc.collect()
            gc.freeze()
        one = close(fold, load.minute(minute, leaves), minute)
        if minute in LOOKED_AT:
            measured.append(one)
        list(fold.commit()[0])
        fold.confirmed()
    assert fold.frontier_ms == BEGIN + (max(LOOKED_AT) + 1) * MINUTE
    yield measured
    gc.unfreeze()


def test_a_pane_closes_within_a_second_and_keeps_the_loop_from_nobody(
    closes: list[Close], figures: Figures
) -> None:
    full = [one for one in closes if LOOKED_AT[one.minute] == LEAVES]
    for one in closes:
        title = f"pane close, {LOOKED_AT[one.minute]:,} leaves, {one.transitions} transitions"
        figures.add(
            f"{title}: {one.figures:,} figures in {one.steps} steps", [one.total_s], "s", below=TOTAL_S
        )
        figures.add(f"{title}: longest step", [one.longest_s], "s", below=STEP_S)
    figures.add("pane close: taking its pages before", [one.taking_s for one in full], "s")
    figures.add("pane close: points of its first part", [one.points_s for one in full], "s")
