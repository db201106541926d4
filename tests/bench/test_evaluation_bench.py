"""How long a pane close takes at the size planned for, and for how long at a time the loop would stand still.

A step is what lies between two points at which control comes back. Times are of this process: other load on
the machine does not count.
"""

import gc
import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from streams.engine.evaluate import Evaluation
from streams.exporters.influx.lines import LineWriter
from tests.bench.evaluation_load import Load, company
from tests.evaluate_builders import HOUR, MINUTE, MONDAY

pytestmark = pytest.mark.timeout(900)
BEGIN = MONDAY + 6 * HOUR
#: minute since the beginning → leaves that are alive in it. What comes first makes the windows full, then as
#: much leaves them, and the earlier windows, as enters
FED = {0: 1} | dict.fromkeys((60, 61, 62, 63, 120, 121, 122, 123, 175, 176, 177), 20_000)
FED[193] = 200
#: ordinary minutes, one that ends an hour, one that ends a quarter of an hour, and one with hardly anything
LOOKED_AT = {178: 20_000, 179: 20_000, 180: 20_000, 181: 20_000, 182: 200, 194: 20_000}
TOTAL_S, STEP_S = 1.0, 0.050


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

    def __str__(self) -> str:
        return (
            f"minute {self.minute}: total {self.total_s:.3f} s in {self.steps} steps, longest "
            f"{self.longest_s * 1000:.0f} ms; {self.figures} figures, {self.transitions} transitions; "
            f"taking pages {self.taking_s:.3f} s, points of the first part {self.points_s:.3f} s"
        )


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
    if os.environ.get("PLANWATCH_BENCH_STEPS"):
        longest = sorted(range(len(steps)), key=steps.__getitem__)[-8:]
        print([(at, round(steps[at] * 1000)) for at in sorted(longest)], file=sys.stderr)  # noqa: T201
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
            print(one, file=sys.stderr)  # noqa: T201
        list(fold.commit()[0])
        fold.confirmed()
    assert fold.frontier_ms == BEGIN + (max(LOOKED_AT) + 1) * MINUTE
    yield measured
    gc.unfreeze()


def test_a_pane_closes_within_a_second(closes: list[Close]) -> None:
    assert max(one.total_s for one in closes) < TOTAL_S


def test_no_step_of_a_close_keeps_the_loop_for_long(closes: list[Close]) -> None:
    assert max(one.longest_s for one in closes) < STEP_S
