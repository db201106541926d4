"""`planwatch rebuild` on a real Kafka: refused while workers run; then everything is counted anew, once."""

import csv
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.integration import adventureworks_oracle as oracle
from tests.integration.adventureworks_run import Shop, make_catalogue, planwatch
from tests.servers.planwatch import Stage, worker
from tests.servers.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers.kafka import KafkaCluster

LINES = 100


def sales_before_the_last_day() -> Decimal:
    """The first lines of orders.csv, priced; without those of the last day, whose minute closes later."""
    with (oracle.folder() / "Products.csv").open(newline="", encoding="utf-8") as products:
        prices = {row[0]: Decimal(row[8]) for row in csv.reader(products) if row[0].isdigit()}
    with (oracle.folder() / "orders.csv").open(newline="", encoding="utf-8") as orders:
        rows = list(csv.DictReader(orders))[:LINES]
    cent = Decimal("0.01")
    amounts = [
        (prices[row["product_key"]] * int(row["quantity"])).quantize(cent, ROUND_HALF_EVEN)
        for row in rows
        if row["order_date"] < rows[-1]["order_date"]
    ]
    return sum(amounts, Decimal())


def shown_sales(stages: Mapping[str, Stage]) -> Decimal | None:
    """Gross sales of the month and the company, as /metrics shows them."""
    wanted = {"kpi": "gross_sales", "window": "month", "level": "company"}
    for family in text_string_to_metric_families(stages["evaluate"].text("/metrics")):
        for sample in family.samples:
            if sample.name == "planwatch_kpi_value" and wanted.items() <= sample.labels.items():
                return Decimal(repr(sample.value))
    return None


def counted(stages: Mapping[str, Stage]) -> dict[str, int]:
    """The counts of all source partitions."""
    total: dict[str, int] = {}
    for partition in stages["measure"].json("/status")["partitions"]:
        for reason, count in partition["counts"].items():
            total[reason] = total.get(reason, 0) + count
    return total


def test_rebuild_counts_anew_from_the_log_once(
    kafka: "KafkaCluster", topic_prefix: str, tmp_path: Path
) -> None:
    shop = Shop(kafka.bootstrap, topic_prefix, make_catalogue(tmp_path / "catalogue"))
    shop.publish(["orders.csv"], "--limit", str(LINES), reviews=None)
    expected = sales_before_the_last_day()
    with worker(shop.env) as stages:
        wait_until(lambda: shown_sales(stages) == expected, "the sales are shown")
        before = counted(stages)
        refused = planwatch(["rebuild", "--yes"], shop.env)
    assert refused.returncode == 4
    assert "workers are running" in refused.stderr

    def rebuilt() -> bool:
        """The broker forgets workers that were killed after their session's timeout."""
        return planwatch(["rebuild", "--yes", "--incidents"], shop.env).returncode == 0

    assert wait_until(rebuilt, "the workers are forgotten and everything is made anew")
    with worker(shop.env) as stages:
        wait_until(lambda: shown_sales(stages) == expected, "the sales are shown again")
        assert counted(stages) == before
    assert before["counted"] == LINES
    assert before["duplicate"] == 0
