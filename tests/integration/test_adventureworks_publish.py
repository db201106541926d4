"""What `planwatch publish` puts on a real Kafka of the AdventureWorks files, against a plain recount."""

import json
import signal
import subprocess
import sys
import uuid
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from tests.integration import adventureworks_oracle as oracle
from tests.integration.adventureworks_run import (
    CLEAN,
    ORDER_ROWS,
    RAW,
    REFUND_ROWS,
    REVIEW_ROWS,
    Shop,
    make_catalogue,
)
from tests.servers.planwatch import REPOSITORY
from tests.servers.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers.kafka import KafkaCluster

Events = dict[int, list[dict[str, Any]]]
Published = tuple[Shop, "subprocess.CompletedProcess[str]", Path]


@pytest.fixture
def shop(kafka: "KafkaCluster", topic_prefix: str, tmp_path: Path) -> Shop:
    """An installation with empty topics."""
    return Shop(kafka.bootstrap, topic_prefix, make_catalogue(tmp_path / "catalogue"))


@pytest.fixture(scope="module")
def published(kafka: "KafkaCluster", tmp_path_factory: pytest.TempPathFactory) -> Published:
    """An installation that was sent the clean files: itself, the finished command, its file of refusals."""
    folder = tmp_path_factory.mktemp("published")
    shop = Shop(kafka.bootstrap, f"t{uuid.uuid4().hex[:8]}", make_catalogue(folder / "catalogue"))
    refusals = folder / "refused.ndjson"
    return shop, shop.try_publish(CLEAN, "--show", "2", "--refusals", str(refusals)), refusals


def read(kafka: "KafkaCluster", topic: str) -> Events:
    """Partition → its events, in order; each with its Kafka key under `key`."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    events: Events = {}
    for partition in sorted(consumer.partitions_for_topic(topic)):
        source = TopicPartition(topic, partition)
        consumer.assign([source])
        end = consumer.end_offsets([source])[source]
        events[partition] = []
        while consumer.position(source) < end:
            for record in consumer.poll(timeout_ms=500, max_records=5000).get(source, []):
                events[partition].append(json.loads(record.value) | {"key": record.key.decode()})
    consumer.close()
    return events


def once(events: Events) -> list[dict[str, Any]]:
    """Every event id once."""
    return list({event["event_id"]: event for part in events.values() for event in part}.values())


def cut_of(event: dict[str, Any]) -> oracle.Cut:
    where = event["dimensions"]
    return event["occurred_at"][:7], where["region"], where["product_line"]


def test_topics_hold_what_the_files_add_up_to(kafka: "KafkaCluster", published: Published) -> None:
    shop, done, _ = published
    expected = oracle.recount()

    sales, feedback = f"{shop.prefix}.sales.v1", f"{shop.prefix}.feedback.v1"
    assert json.loads(done.stdout)["sent"] == {sales: ORDER_ROWS + REFUND_ROWS, feedback: REVIEW_ROWS}
    events = once(read(kafka, sales))
    revenue: dict[oracle.Cut, Decimal] = defaultdict(Decimal)
    units: dict[oracle.Cut, int] = defaultdict(int)
    lines: dict[oracle.Cut, int] = defaultdict(int)
    refunds: dict[oracle.Cut, Decimal] = defaultdict(Decimal)
    orders: dict[tuple[str, str], int] = defaultdict(int)
    for event in events:
        cut = cut_of(event)
        if event["kind"] == "refund":
            refunds[cut] += Decimal(event["amount"])
            continue
        revenue[cut] += Decimal(event["amount"])
        units[cut] += event["quantity"]
        lines[cut] += 1
        orders[cut[:2]] += event["line"] == 1
    assert revenue == expected.revenue
    assert units == expected.units
    assert lines == expected.order_lines
    assert refunds == expected.refunds
    assert orders == expected.orders
    assert sum(revenue.values()) == Decimal("24914583.66")


def test_broken_rows_are_reported_with_line_field_value_and_remedy(published: Published) -> None:
    _, done, refusals = published

    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["refused"] == 9
    assert len(report["refusals"]) == 2
    told = [json.loads(line) for line in refusals.read_text("utf-8").splitlines()]
    assert [(one["line"], one["value"]) for one in told] == oracle.recount().broken
    assert {one["field"] for one in told} == {"TerritoryKey", "ProductKey"}
    assert all(one["remedy"] and one["file"] == "Returns.csv" for one in told)


def test_files_are_merged_by_time_and_keyed_by_their_entity(
    kafka: "KafkaCluster", published: Published
) -> None:
    partitions = read(kafka, f"{published[0].prefix}.sales.v1")
    places: dict[str, set[int]] = defaultdict(set)
    for partition, events in partitions.items():
        times = [event["occurred_at"][:10] for event in events]
        assert times == sorted(times)
        for event in events:
            places[event["key"]].add(partition)
            assert event["key"] == event.get("order_id", event["event_id"])
    assert all(len(found) == 1 for found in places.values())
    assert min(len(events) for events in partitions.values()) > 10_000


def test_raw_files_become_the_same_events_as_the_clean_one(
    kafka: "KafkaCluster", shop: Shop, published: Published
) -> None:
    report = shop.publish(RAW, reviews=None)

    skipped = sum(sum(file["skipped"].values()) for file in report["files"])
    assert skipped == 19  # 22 junk rows, three of them the headers
    assert report["refused"] == 9

    def ordered(prefix: str) -> list[dict[str, Any]]:
        return sorted(once(read(kafka, f"{prefix}.sales.v1")), key=lambda event: str(event["event_id"]))

    assert ordered(shop.prefix) == ordered(published[0].prefix)


def test_reviews_get_time_id_rating_and_a_region_in_turn(kafka: "KafkaCluster", published: Published) -> None:
    events = once(read(kafka, f"{published[0].prefix}.feedback.v1"))

    assert len(events) == REVIEW_ROWS
    ratings = [event["rating"] for event in events]
    assert (ratings.count(5), ratings.count(1)) == (4_000, 7_987)
    regions: dict[str, int] = defaultdict(int)
    for event in events:
        regions[event["dimensions"]["region"]] += 1
    assert set(regions) == set(oracle.regions().values())
    assert max(regions.values()) - min(regions.values()) <= 1
    assert min(event["occurred_at"] for event in events).startswith("2015-01-01")
    assert max(event["occurred_at"] for event in events).startswith("2017-06-2")


def test_limit_sends_the_first_events_and_dry_run_none(kafka: "KafkaCluster", shop: Shop) -> None:
    rehearsed = shop.publish(CLEAN, "--dry-run")
    assert not any(read(kafka, f"{shop.prefix}.sales.v1").values())

    report = shop.publish(CLEAN, "--limit", "100")

    assert rehearsed["sent"] == {
        f"{shop.prefix}.sales.v1": ORDER_ROWS + REFUND_ROWS,
        f"{shop.prefix}.feedback.v1": REVIEW_ROWS,
    }
    assert sum(report["sent"].values()) == 100
    assert {event["occurred_at"][:7] for event in once(read(kafka, f"{shop.prefix}.sales.v1"))} == {"2015-01"}


def test_interrupted_publish_says_what_was_sent_and_can_be_repeated(
    kafka: "KafkaCluster", shop: Shop
) -> None:
    topic = f"{shop.prefix}.sales.v1"
    command = [sys.executable, "-m", "streams.cli.main", *shop.arguments(CLEAN)]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=shop.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap)
    sources = [TopicPartition(topic, partition) for partition in range(4)]
    wait_until(lambda: sum(consumer.end_offsets(sources).values()) > 0, "something is sent")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    arrived = sum(consumer.end_offsets(sources).values())
    consumer.close()

    report = json.loads(out)
    assert process.returncode == 130, err
    assert report["interrupted"]
    assert 0 < report["sent"][topic] == arrived < ORDER_ROWS + REFUND_ROWS
    shop.publish(CLEAN)
    assert len(once(read(kafka, topic))) == ORDER_ROWS - 1 + REFUND_ROWS


def test_publish_to_topics_that_are_not_there_is_refused(kafka: "KafkaCluster", shop: Shop) -> None:
    elsewhere = shop.env | {"PLANWATCH_KAFKA__PREFIX": "nowhere"}
    shop.env = elsewhere

    done = shop.try_publish(CLEAN)

    assert done.returncode == 4
    assert "nowhere.sales.v1" in done.stderr
    assert "planwatch topics apply" in done.stderr
