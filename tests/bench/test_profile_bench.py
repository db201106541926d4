"""Where the time of measure goes, in shares of its CPU."""

from pathlib import Path

import pytest

from tests.bench.events import FEW, begin_ms, orders
from tests.bench.figures import Figures
from tests.bench.installation import fill, installed, now_ms
from tests.bench.parts_of_time import PARTS
from tests.bench.sampled_worker import SampledMeasure, shares
from tests.bench.sizes import EVENTS
from tests.bench.worker_run import count_anew
from tests.servers.kafka import KafkaCluster

pytestmark = pytest.mark.timeout(1800)


def test_measure_says_where_its_time_goes(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, figures: Figures
) -> None:
    file = tmp_path / "profile.jsonl"
    with installed(kafka, topic_prefix, tmp_path) as installation:
        loaded = fill(installation, orders(EVENTS, FEW, begin_ms(EVENTS, now_ms())))
        run = count_anew(loaded, measure=[lambda made: SampledMeasure(made, file)], beside=())
    found = shares(file, run.span.begin_s, run.span.end_s)
    figures.shares["Where the time of measure goes (orders, share of its CPU)"] = {
        part: found.get(part, 0.0) for part in PARTS
    }
    assert found.get("other", 0.0) < 0.5  # else the parts no longer name what the code does
