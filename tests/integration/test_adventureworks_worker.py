"""Two and a half years of a real shop through a real Kafka and the workers, against a recount of its files.

Two installations begin on empty topics: one is sent the clean file of orders, the other the raw ones with
their junk rows and mixed dates. Both must show the same figures, to the cent, and pass through the same
tiers.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from kafka import KafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from tests.integration import adventureworks_oracle as oracle
from tests.integration.adventureworks_run import (
    CLEAN,
    ORDER_ROWS,
    RAW,
    REFUND_ROWS,
    Reviews,
    Shop,
    make_catalogue,
    thinned_reviews,
)
from tests.servers.influx import Influx
from tests.servers.planwatch import Stage, worker
from tests.servers.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers.kafka import KafkaCluster

pytestmark = [pytest.mark.timeout(2400), pytest.mark.slow]

ZONE = ZoneInfo("America/Los_Angeles")
#: noon of the last day with an order, and the end of its minute
LAST_PANE_MS = round(datetime(2017, 6, 30, 12, 1, tzinfo=ZONE).timestamp() * 1000)
OPEN_MONTH = "2017-06"
#: KPI → (month, region, product line) → value
Figures = dict[str, dict[oracle.Cut, Decimal]]


@dataclass
class Run:
    """One installation whose workers have counted everything."""

    shop: Shop
    reviews: Reviews
    stages: Mapping[str, Stage]
    influx: Influx
    report: dict[str, Any]
    #: what had become of the records when all were counted for the first time
    first: dict[str, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many are sent in one go."""
        return ORDER_ROWS + REFUND_ROWS + self.reviews.rows


@pytest.fixture(scope="module")
def runs(kafka: "KafkaCluster", tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """The clean and the raw files, side by side, counted to the end."""
    folder = tmp_path_factory.mktemp("shop")
    catalogue, reviews = make_catalogue(folder / "catalogue"), thinned_reviews(folder)
    with ExitStack() as stack:

        def begin(name: str, files: tuple[str, ...]) -> Run:
            influx = stack.enter_context(Influx())
            settings = {"URL": influx.url, "TOKEN": influx.token, "BUCKET": influx.bucket, "ORG": influx.org}
            sink = {f"INFLUX__{setting}": value for setting, value in settings.items()}
            shop = Shop(kafka.bootstrap, f"shop{name}", catalogue, KAFKA__STALL_S=900, **sink)
            report = shop.publish(files, reviews=reviews)
            return Run(shop, reviews, stack.enter_context(worker(shop.env)), influx, report)

        with ThreadPoolExecutor() as pool:
            started = {
                name: pool.submit(begin, name, files) for name, files in (("clean", CLEAN), ("raw", RAW))
            }
            found = {name: future.result() for name, future in started.items()}
            list(pool.map(lambda run: wait_counted(run, run.records), found.values()))
        for run in found.values():
            run.first = counts(run)
        yield found


def wait_counted(run: Run, records: int) -> None:
    """Return when every record is counted, judged past the last pane, committed and written."""

    def counted() -> bool:
        status = run.stages["evaluate"].json("/status")
        received = sum(ledger["counts"]["received"] for ledger in status.get("ledgers", []))
        judged = (status.get("frontier_ms") or 0) >= LAST_PANE_MS
        return received == records and judged and not status["exporters"]["influx"]["waiting"]

    what = f"{run.shop.prefix}: {records} records counted and judged"
    wait_until(counted, what, seconds=1800, pause_s=5)  # every answer is a look at all rules and scopes


def counts(run: Run) -> dict[str, int]:
    """What became of the records, over all source partitions."""
    total: dict[str, int] = defaultdict(int)
    for ledger in run.stages["evaluate"].json("/status")["ledgers"]:
        for reason, count in ledger["counts"].items():
            total[reason] += count
    return dict(total)


def from_influx(run: Run, kpi: str, level: str) -> dict[oracle.Cut, Decimal]:
    """The last value of each closed month: written at its end or before, never after."""
    rows = run.influx.flux(
        f'from(bucket: "{run.influx.bucket}") |> range(start: 0) |> filter(fn: (r) => r._measurement == "kpi"'
        f' and r._field == "value" and r.kpi == "{kpi}" and r.window == "month" and r.level == "{level}")'
    )
    last: dict[oracle.Cut, tuple[datetime, Decimal]] = {}
    for row in rows:
        end = datetime.fromisoformat(row["_time"]).astimezone(ZONE)
        month = datetime.fromtimestamp(end.timestamp() - 0.001, ZONE).strftime("%Y-%m")
        cut = (month, row["region"], row.get("product_line", ""))
        if cut not in last or last[cut][0] < end:
            last[cut] = (end, Decimal(row["_value"]))
    return {cut: value for cut, (_, value) in last.items() if month_of(cut) < OPEN_MONTH and value}


def from_metrics(run: Run, kpi: str, level: str) -> dict[oracle.Cut, Decimal]:
    """The month that is open at the end, from /metrics."""
    values: dict[oracle.Cut, Decimal] = {}
    for family in text_string_to_metric_families(run.stages["evaluate"].text("/metrics")):
        for sample in family.samples:
            labels = sample.labels
            wanted = {"kpi": kpi, "window": "month", "level": level}.items() <= labels.items()
            if sample.name == "planwatch_kpi_value" and wanted and sample.value:
                cut = (OPEN_MONTH, labels["region"], labels.get("product_line", ""))
                values[cut] = Decimal(repr(sample.value))
    return values


def month_of(cut: oracle.Cut) -> str:
    return cut[0]


def figures(run: Run) -> Figures:
    """Every month: the closed ones from InfluxDB, the open one from /metrics."""
    levels = dict.fromkeys(("gross_sales", "units", "order_lines", "refund_amount"), "region+product_line")
    return {
        kpi: from_influx(run, kpi, level) | from_metrics(run, kpi, level)
        for kpi, level in {**levels, "orders": "region"}.items()
    }


def transitions(kafka: "KafkaCluster", run: Run) -> list[tuple[Any, ...]]:
    """Each transition once, by pane end, without what depends on the clock of the machine (delays)."""
    found = {
        (one["end_ms"], one["rule"], json.dumps(one["scope"], sort_keys=True), one["seq"]): (
            one["tier"],
            one["previous"],
            one["cause"],
        )
        for one in inbox(kafka, run)
        if one["type"] == "transition" and one["end_ms"] <= LAST_PANE_MS
    }
    return sorted((*key, *value) for key, value in found.items())


def inbox(kafka: "KafkaCluster", run: Run) -> list[dict[str, Any]]:
    """Every record of the inbox."""
    source = TopicPartition(f"{run.shop.prefix}.inbox.v1", 0)
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap)
    consumer.assign([source])
    end = consumer.end_offsets([source])[source]
    consumer.seek(source, 0)
    records: list[dict[str, Any]] = []
    while consumer.position(source) < end:
        batch = consumer.poll(timeout_ms=500, max_records=5000).get(source, [])
        records += [json.loads(record.value) for record in batch]
    consumer.close()
    return records


@pytest.mark.parametrize("name", ["clean", "raw"])
def test_every_month_region_and_product_line_equals_the_recount(runs: dict[str, Run], name: str) -> None:
    expected = oracle.recount()

    shown = figures(runs[name])

    assert shown["gross_sales"] == dict(expected.revenue)
    assert shown["units"] == {cut: Decimal(value) for cut, value in expected.units.items()}
    assert shown["order_lines"] == {cut: Decimal(value) for cut, value in expected.order_lines.items()}
    assert shown["refund_amount"] == dict(expected.refunds)
    assert shown["orders"] == {(*cut, ""): Decimal(value) for cut, value in expected.orders.items()}
    totals = {kpi: sum(values.values()) for kpi, values in shown.items()}
    assert totals["gross_sales"] == Decimal("24914583.66")
    assert totals["units"] == 84_174
    assert totals["order_lines"] == 56_046
    assert totals["orders"] == 25_164


@pytest.mark.parametrize("name", ["clean", "raw"])
def test_ledgers_account_for_every_record(runs: dict[str, Run], name: str) -> None:
    found, records = runs[name].first, runs[name].records

    assert found["received"] == sum(runs[name].report["sent"].values()) == records
    assert found["duplicate"] == 1
    assert found["counted"] == records - 1
    assert found["late"] == found["expired"] == found["refused"] == 0


def test_two_runs_from_empty_topics_pass_through_the_same_tiers(
    kafka: "KafkaCluster", runs: dict[str, Run]
) -> None:
    clean, raw = (transitions(kafka, runs[name]) for name in ("clean", "raw"))

    assert clean == raw
    assert len(clean) > 1000


@pytest.mark.parametrize("name", ["clean", "raw"])
def test_nobody_is_told_of_what_happened_years_ago(
    kafka: "KafkaCluster", runs: dict[str, Run], name: str
) -> None:
    run = runs[name]

    told = [record for record in inbox(kafka, run) if record["type"] == "receipt"]

    assert told == []
    assert run.stages["respond"].json("/status")["outbox"] == 0


def test_publishing_again_changes_nothing_but_the_count_of_duplicates(
    kafka: "KafkaCluster", runs: dict[str, Run]
) -> None:
    run = runs["clean"]
    before, shown, tiers = counts(run), figures(run), transitions(kafka, run)

    run.shop.publish(CLEAN, reviews=run.reviews)
    wait_counted(run, 2 * before["received"])

    after = counts(run)
    assert after["duplicate"] == before["duplicate"] + run.records
    assert {key: after[key] for key in after if key not in ("received", "duplicate")} == {
        key: before[key] for key in before if key not in ("received", "duplicate")
    }
    assert figures(run) == shown
    assert transitions(kafka, run) == tiers
