"""`planwatch audit` and `planwatch events` on a real Kafka: equal while workers run, a forged page is named,
and a figure is the sum of the records that are listed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.catalogue import load_catalogue
from streams.cells.layout import layout_of
from streams.cells.page import Page, decode_page, encode_page, is_page
from tests.integration.adventureworks_run import make_catalogue, planwatch
from tests.servers.planwatch import Stage, environment, worker
from tests.servers.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers.kafka import KafkaCluster

pytestmark = pytest.mark.timeout(300)

#: 2026-11-20T10:00-08:00, a Friday in the middle of a month
BEGIN_MS = 1_795_197_600_000
MINUTE, HOUR = 60_000, 3_600_000
REGIONS = ("East", "West", "South")
HOSTILE = "e105\x1b[31m\u202ered"


def order(number: int, at_ms: int, cents: int) -> dict[str, Any]:
    """One line of an order; its region by its number."""
    return {
        "kind": "order",
        "event_id": f"e{number}",
        "occurred_at": at_ms,
        "dimensions": {"region": REGIONS[number % 2], "channel": "web"},
        "order_id": f"o{number}",
        "line": 1,
        "amount": f"{cents // 100}.{cents % 100:02}",
        "currency": "USD",
        "quantity": 1,
    }


class Shop:
    """One installation of two source partitions a topic."""

    def __init__(self, kafka: "KafkaCluster", prefix: str, folder: Path) -> None:
        self.catalogue = make_catalogue(folder)
        self.topic, self.cells = f"{prefix}.sales.v1", f"{prefix}.cells.v1"
        self.bootstrap = kafka.bootstrap
        self.env = environment(kafka.bootstrap, prefix, self.catalogue, KAFKA__PARTITIONS=2)
        planwatch(["topics", "apply"], self.env, check=True)
        self.producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        self.sent = 0

    def send(self, *events: Mapping[str, Any] | bytes) -> None:
        for event in events:
            value = event if isinstance(event, bytes) else json.dumps(event).encode()
            key = b"" if isinstance(event, bytes) else event["order_id"].encode()
            self.producer.send(self.topic, key=key, value=value)
            self.sent += 1
        self.producer.flush()

    def audit(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = planwatch(["audit", "--json", *arguments], self.env)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def events(self, *arguments: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        done = planwatch(["events", "--json", *arguments], self.env, check=True)
        *records, summary = map(json.loads, done.stdout.splitlines())
        return records, summary

    def newest_page(self) -> Page:
        """The page with the highest stamp that stands in the cells topic."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        source = TopicPartition(self.cells, 0)
        consumer.assign([source])
        consumer.seek_to_beginning()
        end, pages = consumer.end_offsets([source])[source], []
        while consumer.position(source) < end:
            for records in consumer.poll(timeout_ms=500).values():
                pages += [decode_page(one.value) for one in records if is_page(one.value)]
        consumer.close()
        return max(pages, key=lambda page: page.stamp)


@pytest.fixture
def shop(kafka: "KafkaCluster", topic_prefix: str, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(kafka, topic_prefix, tmp_path / "catalogue")
    yield made
    made.producer.close()


def counts(stages: Mapping[str, Stage]) -> dict[str, int]:
    total: dict[str, int] = {}
    for partition in stages["measure"].json("/status")["partitions"]:
        for name, count in partition["counts"].items():
            total[name] = total.get(name, 0) + count
    return total


def figure(stages: Mapping[str, Stage], **wanted: Any) -> float | None:
    """The value that /figures shows, None while it shows none."""
    for one in stages["evaluate"].json("/figures")["figures"]:
        if all(one[name] == value for name, value in wanted.items()):
            return float(one["value"])
    return None


def test_audit_and_events_agree_with_the_workers_and_name_a_forged_page(shop: Shop) -> None:
    amounts = [1000 + 7 * number for number in range(60)]
    at = [BEGIN_MS + number * 20_000 for number in range(60)]
    shop.send(*(order(number, at[number], amounts[number]) for number in range(60)))
    shop.send(*(order(number, at[number], amounts[number]) for number in range(0, 60, 3)))  # repetitions
    shop.send(b"no json", order(900, BEGIN_MS, 1) | {"currency": "EUR"})
    late = [order(number, BEGIN_MS - (number - 99) * 3 * HOUR, 5000) for number in (100, 101, 102, 103)]
    hostile = order(105, BEGIN_MS, 3000) | {"dimensions": {"region": REGIONS[2]}, "event_id": HOSTILE}
    with worker(shop.env) as stages:
        wait_until(lambda: counts(stages).get("received") == shop.sent, "the first events are counted")
        shop.send(*late, hostile)
        wait_until(lambda: counts(stages).get("received") == shop.sent, "all events are counted")
        east = (sum(amounts[::2]) + 2 * 5000) / 100
        about = {"kpi": "gross_sales", "window": "month", "scope": [["region", "East"]]}
        wait_until(lambda: figure(stages, **about) == east, "the figure is shown")
        code, equal = shop.audit()

    assert code == 0, equal["differences"]
    assert equal["equal"] is True
    assert equal["compared"]["records"] == shop.sent
    assert equal["compared"]["source_partitions"] == 2
    assert equal["compared"]["pages"] > 20
    assert equal["not_compared"] == {}
    assert counts_of(equal) == 0

    assert_events_are_those_of_the_figure(shop, east)
    assert_forged_page_is_named(shop)


def counts_of(report: Mapping[str, Any]) -> int:
    """Records that nothing has counted yet."""
    number: int = report["not_counted_yet"]["records"]
    return number


def assert_events_are_those_of_the_figure(shop: Shop, east: float) -> None:
    asked = ("--kpi", "gross_sales", "--window", "month")
    records, summary = shop.events(*asked, "--scope", "region=East")
    ids = {one["event_id"] for one in records}
    assert ids == {f"e{number}" for number in (*range(0, 60, 2), 100, 102)}
    assert len(records) == len(ids) == summary["records"]
    assert summary["value"] == east
    assert {one["event_id"] for one in records if one["late"]} == {"e100", "e102"}
    assert (summary["left_out"]["duplicate"], summary["left_out"]["refused"]) == (20, 2)

    newest, whole = shop.events(*asked, "--limit", "3")
    assert [one["event_id"] for one in newest] == ["e59", "e58", "e57"]
    assert whole["records"] == 60 + 4 + 1
    told = planwatch(["events", *asked, "--scope", f"region={REGIONS[2]}"], shop.env, check=True).stdout
    assert "$30.00" in told
    assert "2026-11-20 10:00:00" in told
    assert "e105 [31m red" in told
    assert not {"\x1b", "\u202e"} & set(told)
    assert f"{shop.topic}/" in told


def assert_forged_page_is_named(shop: Shop) -> None:
    page = shop.newest_page()
    column = layout_of(load_catalogue(shop.catalogue)).keys.index("order.sum.amount")
    leaf = next(iter(page.cells))
    true = page.cells[leaf][column] or 0
    page.cells[leaf][column] = true + 100
    refused = shop.producer.send(shop.topic, value=b"no json", partition=page.key.partition).get(timeout=10)
    page.stamp = refused.offset
    shop.producer.send(shop.cells, key=b"page", value=encode_page(page)).get(timeout=10)

    code, report = shop.audit("--topic", "sales.v1", "--partition", str(page.key.partition))
    [difference] = report["differences"]

    assert code == 1
    assert report["equal"] is False
    assert difference["what"] == "order.sum.amount"
    assert difference["page"]["start_ms"] == page.key.start_ms
    assert difference["page"]["number"] == page.key.number
    assert (difference["written"], difference["recounted"]) == (true + 100, true)
