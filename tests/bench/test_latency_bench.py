"""How soon an event is a transition, while events come at a steady rate."""

from collections import Counter
from pathlib import Path

import pytest

from tests.bench.events import FEW, mixed
from tests.bench.figures import Figures
from tests.bench.installation import fill, installed, now_ms
from tests.bench.latencies import first_transitions, histogram, made_at, quantile, stamp_inbox_at_append
from tests.bench.loading import Place
from tests.bench.sizes import LATENCY_S
from tests.bench.steady_producer import SteadyProducer
from tests.bench.worker_run import wait_acknowledged
from tests.servers.installation import Installation
from tests.servers.kafka import KafkaCluster
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(1800)
SPECIALS_PER_S = 10
#: events of the first seconds warm the processes up
WARM_MS = 5_000
#: a pane that is due when the events end is closed by silence: that is measured elsewhere
AFTER_MS = 1_000
DISORDER_MS = 10_000
UPDATE, CLOSE = "one_star_review", "bench_close"
CLOSE_RULE = """\
id: bench_close
title: {en: One star at the close, zh: 收盘一星}
kpi: one_star_reviews
window: 1h
on: close
expect: {from: constant, value: 0}
compare: value
bad: above
scopes: [[region]]
ladder:
  yellow: {enter: 1, exit: 0, hold: 0m}
tests:
  - name: a single one is yellow
    given: {one_star: 1}
    expect: [yellow]
"""


#: seconds of events before the load: a rule that waits for closes judges a window once it has all of it
PAST_S = 4_200


def prepare(installation: Installation) -> Counter[Place]:
    """Room for a region to each special event, the rule that waits for its pane's end, and its window's past.

    Gives how many events of the past each partition holds.
    """
    dimensions = (installation.catalogue / "dimensions.yaml").read_text("utf-8")
    installation.write("dimensions.yaml", dimensions.replace("limit: 50", "limit: 10000"))
    installation.write(f"rules/{CLOSE}.yaml", CLOSE_RULE)
    stamp_inbox_at_append(installation)
    return Counter(fill(installation, mixed(PAST_S, FEW, now_ms() - PAST_S * 1000, 1)).sent)


def run(installation: Installation, per_s: int, past: Counter[Place]) -> None:
    """Produce for so long, then wait until every special event whose pane has closed is a transition."""
    with installation.stages():
        producer = SteadyProducer(installation, per_s, LATENCY_S, SPECIALS_PER_S)
        try:
            sent = past + Counter(producer.sent())
        finally:
            producer.stop()
        wait_acknowledged(installation, sent)
        made = made_at(installation)
        wait_until(
            lambda: made.keys() <= first_transitions(installation, UPDATE).keys(),
            "every special event is a transition",
            60,
            pause_s=2,
        )


@pytest.mark.parametrize("per_s", [10_000, 30_000])
def test_latency_is_under_a_second(
    per_s: int, kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, figures: Figures
) -> None:
    with installed(kafka, topic_prefix, tmp_path) as installation:
        past = prepare(installation)
        run(installation, per_s, past)
        made = made_at(installation)
        updates = first_transitions(installation, UPDATE)
        closes = first_transitions(installation, CLOSE)
    warm_ms = min(made.values()) + WARM_MS
    waited = [(updates[name].at_ms - at) / 1000 for name, at in made.items() if at >= warm_ms]
    title = f"latency at {per_s:,} events/s, event to transition"
    figures.add(f"{title}, p50", [quantile(waited, 0.5)], "s", below=0.5)
    figures.add(f"{title}, p99", [quantile(waited, 0.99)], "s", below=1.0)
    figures.add(f"{title}, longest", [max(waited)], "s")
    figures.shares[f"{title} ({len(waited):,} of them)"] = histogram(waited)
    due = {name: one.transition.end_ms + DISORDER_MS for name, one in closes.items()}
    under_load = [name for name, due_ms in due.items() if due_ms < max(made.values()) - AFTER_MS]
    after = [(closes[name].at_ms - due[name]) / 1000 for name in under_load]
    if LATENCY_S >= 60 + DISORDER_MS / 1000:
        assert after, "no pane was judged at its close"
    if after:
        title = f"latency at {per_s:,} events/s, pane end and disorder to transition"
        figures.add(f"{title}, p50", [quantile(after, 0.5)], "s")
        figures.add(f"{title}, p99", [quantile(after, 0.99)], "s", below=1.5)
        figures.shares[f"{title} ({len(after):,} of them)"] = histogram(after)
