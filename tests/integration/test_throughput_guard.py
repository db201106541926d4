"""A guard against becoming slow: measure over 100,000 events, beside the raw loop in the same run.

What is compared is events for a second of CPU of each process, not events a second: a machine of CI is
shared, and whoever shares it changes how much CPU a process gets, hour by hour, more than any mistake of ours
would. Of the CPU itself both loops get the same quality, as they run right after one another over the same
bytes. The raw loop is the one of the event models (`models`), twice as slow as the typed dictionaries that
measure reads: on a quiet machine measure is well above it, beside much else about level with it, and one that
costs twice what it did is below the limit. The best of two turns is taken, because what disturbs makes slower
and never faster.

The bench (`tests/run bench`) asks for more, over a longer run; this asks for what no honest change misses.
"""

from pathlib import Path

import pytest

from tests.bench.events import FEW, begin_ms, orders
from tests.bench.installation import fill, installed, now_ms
from tests.bench.raw_loop import raw_loop
from tests.bench.worker_run import count_anew
from tests.servers.kafka import KafkaCluster

EVENTS, LEAST = 100_000, 0.45


@pytest.mark.timeout(600)  # half a minute alone, minutes beside much else
def test_measure_is_not_far_from_a_raw_loop(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> None:
    with installed(kafka, topic_prefix, tmp_path) as installation:
        loaded = fill(installation, orders(EVENTS, FEW, begin_ms(EVENTS, now_ms())))
        raw = max(raw_loop(loaded, "models").per_cpu_s for _ in range(2))
        ours = max(count_anew(loaded, beside=()).measure.per_cpu_s for _ in range(2))
    assert ours / raw > LEAST, f"measure {ours:,.0f}, raw loop {raw:,.0f} events for a second of CPU"
