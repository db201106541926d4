"""Whatever is killed or stopped: figures and ledgers equal a plain recount of the log."""

import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from tests.faults.load import BEGIN_MS, Load
from tests.faults.recount import Recount, recount
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import REPOSITORY, STAGES, Stage, environment
from tests.servers.waiting import wait_until

_EVENTS = 20_000
_FAULTS = 6


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """The default catalogue, with a company that falls idle quickly."""
    folder = tmp_path / "catalogue"
    subprocess.run(
        [sys.executable, "-m", "streams.cli.main", "init", str(folder)],
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
    )
    path = folder / "installation.yaml"
    lines = [line for line in path.read_text().splitlines() if line.partition(":")[0] != "idle_after"]
    path.write_text("\n".join([*lines, "idle_after: 3s", ""]))
    return folder


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [1, 2])
def test_figures_equal_a_recount_after_kills_and_pauses(
    kafka: KafkaCluster, topic_prefix: str, catalogue: Path, seed: int
) -> None:
    env = environment(kafka.bootstrap, topic_prefix, catalogue, KAFKA__PARTITIONS=4)
    apply = [sys.executable, "-m", "streams.cli.main", "topics", "apply"]
    subprocess.run(apply, check=True, cwd=REPOSITORY, env=env, capture_output=True)
    topic = f"{topic_prefix}.sales.v1"
    stages = [Stage(name, env) for name in STAGES for _ in range(2)]
    try:
        for stage in stages:
            stage.launch()
        load = Load(kafka.bootstrap, topic, seed, _EVENTS, seconds=_FAULTS * 4)
        load.start()
        _harm(stages, Random(seed))
        load.join()
        expected = recount(kafka.bootstrap, topic)
        body = wait_until(lambda: _finished(stages, expected, load.last_ms), "all is counted", seconds=120)
        assert {stage.name: stage.output() for stage in stages if not stage.alive} == {}
    finally:
        outputs = {stage.name: stage.output() for stage in stages}
        for stage in stages:
            stage.stop()
    assert _monthly(body, "revenue") == {
        region: float(value) for region, value in expected.revenue.items()
    }, outputs
    assert _monthly(body, "orders") == {region: float(count) for region, count in expected.orders.items()}
    assert _monthly(body, "units") == {region: float(count) for region, count in expected.units.items()}
    assert sum(expected.revenue.values()) > Decimal(1_000_000)
    assert sum(expected.duplicates.values()) > 100


def _harm(stages: list[Stage], rng: Random) -> None:
    """Kill, stop beyond the session timeout, or end a process; then have it back."""
    for _ in range(_FAULTS):
        victim = rng.choice(stages)
        fault = rng.choice(["kill", "pause", "terminate"])
        if fault == "pause":
            victim.pause()
            _let_pass(4.0)
            victim.resume()
        elif fault == "kill":
            victim.kill()
            victim.launch()
        else:
            victim.terminate()
            victim.launch()
        _let_pass(rng.uniform(1.0, 3.0))


def _let_pass(seconds: float) -> None:
    """The fault itself lasts this long; nothing is waited for."""
    signal.sigtimedwait([], seconds)


def _finished(stages: list[Stage], expected: Recount, last_ms: int) -> dict[str, object] | None:
    """The figures of the evaluate stage in charge, once its ledgers have every record and time has passed."""
    for stage in stages:
        if stage.name != "evaluate" or not stage.alive:
            continue
        status = stage.json("/status")
        if status.get("standby", True) or status["frontier_ms"] is None:
            continue
        ledgers = {(one["topic"], one["partition"]): one["counts"] for one in status["ledgers"]}
        for place, received in expected.received.items():
            counts = ledgers.get(place)
            if counts is None or counts["received"] != received:
                return None
            assert counts["duplicate"] == expected.duplicates[place]
            assert received == sum(
                counts[reason] for reason in ("counted", "duplicate", "expired", "refused")
            )
        if status["frontier_ms"] > last_ms + 60_000:
            return stage.json("/figures")
    return None


def _monthly(body: dict[str, object], kpi: str) -> dict[str, float]:
    """Region (`""`: the company) → the KPI's value over the month that is running."""
    values = {}
    for figure in body["figures"]:
        if figure["kpi"] == kpi and figure["window"] == "month" and figure["level"] in ("company", "region"):
            assert figure["end_ms"] > BEGIN_MS
            values["".join(value for _, value in figure["scope"])] = figure["value"]
    return values
