"""How many events a second a worker counts, beside the raw loop over the same topic in the same run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.events import FEW, Made, begin_ms, mixed, orders
from tests.bench.figures import Figures, Run, in_turns, ratios
from tests.bench.installation import fill, installed, now_ms
from tests.bench.raw_loop import raw_loop
from tests.bench.sizes import EVENTS, RUNS
from tests.bench.worker_run import Counting, count_anew
from tests.servers.kafka import KafkaCluster

pytestmark = pytest.mark.timeout(7200)
LEAST, AIM = 0.65, 0.85
MIXES = {"orders": orders, "every kind, text amounts and times": mixed}


@pytest.mark.parametrize("mix", MIXES, ids=["orders", "mixed"])
def test_throughput_is_near_that_of_a_raw_loop(
    mix: str, kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, figures: Figures
) -> None:
    make: Callable[..., Iterator[Made]] = MIXES[mix]
    with installed(kafka, topic_prefix, tmp_path) as installation:
        loaded = fill(installation, make(EVENTS, FEW, begin_ms(EVENTS, now_ms())))
        counted: list[Counting] = []

        def worker() -> Run:
            counted.append(count_anew(loaded))
            return counted[-1].measure

        models, fields, ours = in_turns(
            RUNS, lambda: raw_loop(loaded, "models"), lambda: raw_loop(loaded, "fields"), worker
        )
    figures.rates(f"{mix}: raw loop of models", models)
    figures.rates(f"{mix}: raw loop of fields", fields)
    figures.rates(f"{mix}: measure", ours)
    figures.add(f"{mix}: CPU of evaluate and respond", [one.beside_cpu_s for one in counted], "s")
    for name, raw, limits in (
        ("models", models, {"at_least": LEAST, "aim": AIM}),
        ("fields", fields, {"aim": AIM}),
    ):
        title = f"{mix}: measure by raw loop of {name}"
        figures.add(f"{title}, a CPU second", ratios(ours, raw, lambda run: run.per_cpu_s), **limits)
        figures.add(f"{title}, on the wall", ratios(ours, raw, lambda run: run.per_s), **limits)
