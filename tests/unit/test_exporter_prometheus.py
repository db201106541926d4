"""What Prometheus reads: levels kept apart, the gravest kept when there are too many."""

import pytest

from schemas.records import Counts, Ledger
from streams.engine.figures import Figure
from streams.exporters.base import Snapshot
from streams.exporters.prometheus import FiguresCollector, LedgersCollector, figure_families
from streams.telemetry.metrics import Metric, expose

LADDER = ["none", "blue", "yellow", "orange", "red"]


def snapshot(
    figures: list[Figure], tiers: list[tuple[str, dict[str, str], str, int]] | None = None
) -> Snapshot:
    return Snapshot(figures, tiers or [], LADDER.index, None)


def regions(count: int) -> list[Figure]:
    return [
        Figure("revenue", "1h", "region", (("region", f"R{n}"),), 0, float(n), None) for n in range(count)
    ]


def samples(families: list[Metric], name: str) -> list[tuple[dict[str, str], float]]:
    return [(item.labels, item.value) for family in families for item in family.samples if item.name == name]


def test_nothing_is_shown_by_a_process_that_does_not_own_it() -> None:
    assert FiguresCollector(lambda: None).collect() == []


def test_sum_over_a_level_does_not_add_the_company_to_its_regions() -> None:
    company = Figure("revenue", "1h", "company", (), 0, 45.0, None)
    found = samples(figure_families(snapshot([company, *regions(10)]), 100), "planwatch_kpi_value")
    assert sum(value for labels, value in found if labels["level"] == "region") == 45.0
    assert sum(value for labels, value in found if labels["level"] == "company") == 45.0


def test_beyond_the_limit_the_gravest_tiers_and_the_most_aggregated_levels_stay_and_the_rest_is_counted() -> (
    None
):
    company = Figure("revenue", "1h", "company", (), 0, 1.0, 2.0)
    tiers = [("down", {"region": f"R{n}"}, "red" if n == 7 else "none", 0) for n in range(10)]
    families = figure_families(snapshot([*regions(10), company], tiers), 3)
    assert samples(families, "planwatch_tier") == [({"rule": "down", "level": "region", "region": "R7"}, 4.0)]
    assert [labels["level"] for labels, _ in samples(families, "planwatch_kpi_value")] == ["company"]
    assert samples(families, "planwatch_kpi_expected")[0][1] == 2.0
    assert samples(families, "planwatch_series_dropped") == [({}, 19.0)]


def test_ledger_reasons_add_up_to_received_and_late_stands_apart() -> None:
    counts = Counts(received=100, counted=90, duplicate=4, late=7, expired=1, refused=5)
    ledger = Ledger(topic="t", partition=3, stamp=9, counts=counts)
    families = LedgersCollector(lambda: [ledger]).collect()
    by_reason = samples(families, "planwatch_ledger_events_total")
    assert sum(value for _, value in by_reason) == samples(families, "planwatch_ledger_received_total")[0][1]
    assert samples(families, "planwatch_ledger_late_total") == [({"topic": "t", "partition": "3"}, 7.0)]
    assert samples(families, "planwatch_watermark_timestamp_seconds") == []


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"], ids=["text", "openmetrics"])
def test_ten_thousand_series_are_written_in_a_moment(accept: str) -> None:
    body = expose(figure_families(snapshot(regions(10_000)), 10_000), accept)[1]
    assert body.count(b"\nplanwatch_kpi_value{") == 10_000
