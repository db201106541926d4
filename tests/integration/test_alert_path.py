"""From an event on Kafka to a card at a person, an acknowledgement, and back: the whole way, for real."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer

from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import REPOSITORY, Stage, environment, worker
from tests.servers.smtp import Smtp
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(180)


class Installation:
    """A live installation whose people are reached by mail, with the command line on it."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, smtp: Smtp) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        self.env = environment(bootstrap, prefix, folder / "catalogue", KAFKA__PARTITIONS=2)
        self.run("init", str(folder / "catalogue"))
        self._make_live(folder / "catalogue", smtp)
        self.run("topics", "apply")
        self.producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=4 << 20)
        self.stages: dict[str, Stage] = {}

    def _make_live(self, folder: Path, smtp: Smtp) -> None:
        path = folder / "installation.yaml"
        lines = [
            line
            for line in path.read_text().splitlines()
            if line.partition(":")[0] not in ("live", "idle_after")
        ]
        path.write_text("\n".join([*lines, "live: true", "idle_after: 3s", ""]))
        options = f"{{host: {smtp.host}, port: {smtp.port}, sender: planwatch@example.com, tls: none}}"
        (folder / "channels.yaml").write_text(f"- id: mail\n  kind: email\n  options: {options}\n")
        (folder / "people.yaml").write_text(
            "- {id: east, name: Zhang San, level: 1, scope: {region: East},"
            " contacts: {mail: east@example.com}}\n"
            "- {id: all, name: Li Si, level: 2, language: en, contacts: {mail: all@example.com}}\n"
        )
        (folder / "routes.yaml").write_text(
            "- {id: east, scope: {region: East}, tiers: [yellow, orange, red], people: [east],"
            " channels: [mail]}\n"
            "- {id: head, tiers: [orange, red], people: [all], channels: [mail]}\n"
        )

    def run(self, *words: str, code: int = 0) -> str:
        """One command; its standard output."""
        command = [sys.executable, "-m", "streams.cli.main", *words]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def send(self, topic: str, value: object) -> None:
        """One record; bytes as they are, None as a tombstone, anything else as JSON."""
        raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
        self.producer.send(f"{self.prefix}.{topic}", key=b"k", value=raw).get(timeout=20)

    def incidents(self) -> list[dict[str, object]]:
        """What `incidents list` shows."""
        found: list[dict[str, object]] = json.loads(self.run("incidents", "list", "--json"))
        return found


@pytest.fixture
def installation(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, smtp: Smtp
) -> Iterator[Installation]:
    """An installation with its three stages running."""
    made = Installation(kafka.bootstrap, topic_prefix, tmp_path, smtp)
    with worker(made.env) as stages:
        made.stages = stages
        for name, stage in stages.items():
            made.env[f"PLANWATCH_WEB__{name.upper()}_PORT"] = str(stage.port)
        yield made
    made.producer.close()


def review(number: int, rating: int, region: str = "East") -> dict[str, object]:
    return {
        "kind": "review", "event_id": f"r{number}", "occurred_at": int(time.time() * 1000),
        "dimensions": {"region": region, "product_line": "bikes", "channel": "store"}, "rating": rating,
        "text": "<b>@all</b> [x](http://evil.example)",
    }  # fmt: skip


def test_one_bad_review_reaches_its_region_by_mail_and_is_acknowledged(
    installation: Installation, smtp: Smtp
) -> None:
    for number in range(5):
        installation.send("feedback.v1", review(number, 5))
    installation.send("feedback.v1", review(10, 1))
    message = wait_until(lambda: smtp.messages and smtp.messages[0], "the mail arrives", 60)
    assert smtp.recipients[0] == ["east@example.com"]
    assert "East" in str(message["Subject"])
    incident = next(one for one in installation.incidents() if one["rule"] == "one_star_review")
    assert incident["tier"] == "yellow"
    assert str(incident["id"]) in message.get_body(("plain",)).get_content()
    installation.run("incidents", "ack", str(incident["id"]), "--by", "Zhang San")
    wait_until(
        lambda: "Zhang San" in json.dumps(installation.incidents()), "the acknowledgement is folded", 30
    )
    assert all(recipient == ["east@example.com"] for recipient in smtp.recipients)


def test_a_second_worker_takes_over_with_its_incidents_and_sends_nothing_twice(
    installation: Installation, smtp: Smtp
) -> None:
    installation.send("feedback.v1", review(1, 1))
    wait_until(lambda: smtp.messages, "the mail arrives", 60)
    before = {one["id"] for one in installation.incidents()}
    installation.stages["respond"].kill()
    installation.stages["respond"].start()
    assert {one["id"] for one in installation.incidents()} == before
    installation.send("feedback.v1", review(2, 1, region="North"))
    wait_until(lambda: any("North" in json.dumps(one) for one in installation.incidents()), "it goes on", 60)
    assert len(smtp.messages) == 1


GOOD = {
    "kind": "order", "event_id": "good", "occurred_at": 0, "dimensions": {"region": "East"},
    "order_id": "o1", "line": 1, "customer_id": "c1", "amount": "12.50", "currency": "CNY", "quantity": 1,
}  # fmt: skip


def bad_records(now_ms: int) -> dict[str, tuple[object, str]]:
    """Name → a record that cannot be counted, and the field its refusal must name."""
    good = {**GOOD, "occurred_at": now_ms}

    def changed(**fields: object) -> dict[str, object]:
        return {**good, "event_id": "bad", **fields}

    return {
        "wrong type": (changed(quantity="many"), "quantity"),
        "missing field": ({key: value for key, value in good.items() if key != "amount"}, "amount"),
        "unknown kind": (changed(kind="ordr"), "kind"),
        "not JSON": (b"{not json", ""),
        "2 MB": (changed(attributes={"note": "x" * 2_000_000}), ""),
        "tombstone": (None, ""),
        "wrong encoding": ('{"kind":"order","order_id":"订单"}'.encode("gb18030"), ""),
        "no offset": (changed(occurred_at="2026-11-22T10:00:00"), "occurred_at"),
        "year 2199": (changed(occurred_at="2199-01-01T00:00:00+08:00"), "occurred_at"),
        "negative amount": (changed(amount="-1.00"), "amount"),
        "another currency": (changed(currency="USD"), "currency"),
        "unknown dimension": (changed(dimensions={"regoin": "East"}), "dimensions"),
    }


def test_every_bad_record_is_a_dead_letter_with_field_and_remedy_and_stops_nothing(
    installation: Installation,
) -> None:
    now_ms = int(time.time() * 1000)
    bad = bad_records(now_ms)
    for value, _ in bad.values():
        installation.send("sales.v1", value)
    installation.send("sales.v1", {**GOOD, "occurred_at": now_ms})
    letters = read_all(installation, "sales.v1.dlq", len(bad))
    by_offset = {int(letter["planwatch-offset"]): letter for letter in letters}
    assert len(by_offset) == len(bad)
    for (name, (_, field)), offset in zip(bad.items(), sorted(by_offset), strict=True):
        letter = by_offset[offset]
        assert letter["planwatch-remedy"], name
        assert letter["planwatch-field"].startswith(field), name
        assert letter["planwatch-topic"] == f"{installation.prefix}.sales.v1"
    status = wait_until(lambda: counted(installation, len(bad) + 1), "all are in the ledger", 30)
    assert (status["counted"], status["refused"]) == (1, len(bad))
    assert all(stage.ready() for stage in installation.stages.values())
    shown = json.loads(installation.run("dlq", "list", "--json"))
    assert len(json.dumps(shown)) > 500


def read_all(installation: Installation, topic: str, count: int) -> list[dict[str, str]]:
    """The headers of so many records of a topic, and of no more."""
    consumer = KafkaConsumer(
        f"{installation.prefix}.{topic}",
        bootstrap_servers=installation.bootstrap,
        auto_offset_reset="earliest",
        fetch_max_bytes=16 << 20,
    )
    found: list[dict[str, str]] = []

    def enough() -> bool:
        for records in consumer.poll(timeout_ms=300).values():
            found.extend({name: value.decode() for name, value in record.headers} for record in records)
        return len(found) >= count

    wait_until(enough, f"{count} records of {topic}", 60)
    consumer.close()
    return found


def counted(installation: Installation, received: int) -> dict[str, int] | None:
    """The ledgers of the sales topic added up, once that many records were received."""
    partitions = installation.stages["measure"].json("/status")["partitions"]
    counts = [one["counts"] for one in partitions if one["topic"].endswith("sales.v1")]
    total = {name: sum(one[name] for one in counts) for name in counts[0]} if counts else {}
    return total if total.get("received") == received else None
