"""What a larger catalogue and more leaves cost measure: what is left of its rate for a second of CPU."""

from functools import partial
from pathlib import Path

import pytest

from tests.bench.events import FEW, MANY, Leaves, begin_ms, orders
from tests.bench.figures import Figures, Run, in_turns, ratios
from tests.bench.installation import Loaded, fill, installed, now_ms
from tests.bench.sizes import GROWTH_EVENTS, RUNS
from tests.bench.variants import KPIS, RULES, copied, own_measures, small, widened
from tests.bench.worker_run import count_anew
from tests.servers.installation import Installation
from tests.servers.kafka import KafkaCluster

pytestmark = pytest.mark.timeout(7200)


def filled(installation: Installation, leaves: Leaves) -> Loaded:
    return fill(installation, orders(GROWTH_EVENTS, leaves, begin_ms(GROWTH_EVENTS, now_ms())))


def rate(loaded: Loaded, catalogue: Path) -> Run:
    """Count all of it anew with this catalogue, evaluate and respond beside it."""
    loaded.installation.env["PLANWATCH_CATALOGUE"] = str(catalogue)
    return count_anew(loaded).measure


def test_growth_costs_measure_little(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, figures: Figures
) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    with (
        installed(kafka, topic_prefix, few) as installation,
        installed(kafka, f"{topic_prefix}-many", many) as large,
    ):
        loaded, more = filled(installation, FEW), filled(large, MANY)
        base = small(installation.catalogue, tmp_path / "small")
        kpis = copied(base, tmp_path / "kpis", "kpis", 10)
        rules = copied(base, tmp_path / "rules", "rules", 10)
        windows = widened(base, tmp_path / "windows")
        measures = own_measures(base, tmp_path / "measures", 9 * KPIS)
        things = [(loaded, base), (loaded, kpis), (loaded, rules), (loaded, windows), (more, base)]
        things.append((loaded, measures))
        plain, *grown = in_turns(RUNS, *(partial(rate, *thing) for thing in things))
    figures.rates("growth: measure with 15 KPIs, 10 rules, 2 windows, 400 leaves", plain)
    titles = {
        f"{KPIS} → {KPIS * 10} KPIs": {"at_least": 0.9},
        f"{RULES} → {RULES * 10} rules": {"at_least": 0.9},
        "2 → 8 windows": {"at_least": 0.9},
        f"{FEW.all} → {MANY.all:,} leaves": {"at_least": 0.6},
        f"{KPIS} → {KPIS * 10} KPIs, each new one with a measure of its own": {},
    }
    for (title, limits), runs in zip(titles.items(), grown, strict=True):
        parts = ratios(runs, plain, lambda run: run.per_cpu_s)
        figures.add(f"growth: what {title} leave of the rate a CPU second", parts, **limits)
