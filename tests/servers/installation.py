"""One installation on a real broker: its catalogue, its topics, a producer, and the command line on it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaProducer, TopicPartition

from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import REPOSITORY, STAGES, Stage, environment

#: 10 March 2026, 10:00 in Shanghai: in the middle of a month, of a day and of an hour
BEGIN_MS = 1_773_108_000_000


class Installation:
    """A live installation with the default rules, whose sources fall idle after a second.

    `lines` are lines of `installation.yaml` that differ; settings as for `environment`.
    """

    def __init__(
        self,
        kafka: KafkaCluster,
        prefix: str,
        folder: Path,
        lines: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        self.kafka, self.prefix, self.catalogue = kafka, prefix, folder / "catalogue"
        self.partitions = int(str(settings.setdefault("KAFKA__PARTITIONS", 2)))
        self.env = environment(kafka.bootstrap, prefix, self.catalogue, **settings)
        self.run("init", str(self.catalogue))
        self.rewrite({"live": "true", "idle_after": "1s", **(lines or {})})
        self.run("topics", "apply")
        self.sent = 0
        self.connect()

    def connect(self) -> None:
        """A producer; a test that ends the broker closes it before."""
        bootstrap = self.kafka.bootstrap
        self.producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)

    def rewrite(self, lines: Mapping[str, str]) -> None:
        """Put these lines into `installation.yaml`."""
        path = self.catalogue / "installation.yaml"
        kept = [line for line in path.read_text().splitlines() if line.partition(":")[0] not in lines]
        path.write_text("\n".join([*kept, *(f"{name}: {value}" for name, value in lines.items()), ""]))

    def write(self, file: str, text: str) -> None:
        """A file of the catalogue."""
        (self.catalogue / file).write_text(text, "utf-8")

    def notify(self, url: str, timeout_s: float = 2) -> None:
        """One person, told of everything by a webhook at this address."""
        self.env["HOOK_SECRET"] = "hook-secret-1"
        options = f"{{url: {url}, timeout_s: {timeout_s}, secret_env: HOOK_SECRET}}"
        self.write("channels.yaml", f"- id: hook\n  kind: webhook\n  options: {options}\n")
        self.write("people.yaml", "- {id: li, name: Li Si, level: 1, language: en, contacts: {hook: li}}\n")
        self.write(
            "routes.yaml",
            "- {id: all, tiers: [blue, yellow, orange, red], people: [li], channels: [hook]}\n",
        )

    def command(self, *words: str) -> list[str]:
        """The command line, for a test that starts it by itself."""
        return [sys.executable, "-m", "streams.cli.main", *words]

    def run(self, *words: str, code: int | None = 0) -> "subprocess.CompletedProcess[str]":
        """One command to its end; `code` None takes any."""
        done = subprocess.run(
            self.command(*words), cwd=REPOSITORY, env=self.env, capture_output=True, text=True, check=False
        )
        assert code is None or done.returncode == code, f"{words}: {done.returncode}\n{done.stderr}"
        return done

    def topic(self, name: str) -> str:
        """The full name of `sales.v1` and the like."""
        return f"{self.prefix}.{name}"

    def orders(self, count: int, *, step_ms: int = 100, start_ms: int | None = None) -> None:
        """So many orders of 1.00 to the sales topic, each with its own id, spread over its partitions."""
        topic, first = self.topic("sales.v1"), BEGIN_MS if start_ms is None else start_ms
        for _ in range(count):
            event = order(self.sent, first + self.sent * step_ms)
            self.producer.send(topic, json.dumps(event).encode(), partition=self.sent % self.partitions)
            self.sent += 1

    def close_minutes(self, at_ms: int) -> None:
        """An order at this time in every sales partition: all minutes before it close."""
        for partition in range(self.partitions):
            event = order(self.sent, at_ms)
            self.producer.send(self.topic("sales.v1"), json.dumps(event).encode(), partition=partition)
            self.sent += 1
        self.producer.flush()

    def bad_review(self, region: str) -> None:
        """A review of one star, now: a transition, an incident and a notice for its region."""
        event = {
            "kind": "review", "event_id": f"r-{region}-{time.time_ns()}", "rating": 1, "text": "bad",
            "occurred_at": int(time.time() * 1000), "dimensions": {"region": region},
        }  # fmt: skip
        self.producer.send(self.topic("feedback.v1"), json.dumps(event).encode(), key=region.encode())
        self.producer.flush()

    def incidents(self, stage: Stage, rule: str) -> list[dict[str, Any]]:
        """The incidents of a rule, as respond's page shows them."""
        return [one for one in stage.json("/incidents")["incidents"] if one["rule"] == rule]

    def committed(self, stage: str) -> dict[tuple[str, int], int]:
        """(topic, partition) → the offset that the stage's group has acknowledged."""
        admin = self.kafka.admin()
        try:
            found = admin.list_group_offsets(f"{self.prefix}-{stage}")[f"{self.prefix}-{stage}"]
        finally:
            admin.close()
        return {(tp.topic, tp.partition): one.offset for tp, one in found.items()}

    def ends(self, topic: str) -> dict[tuple[str, int], int]:
        """(topic, partition) → its end offset."""
        from kafka import KafkaConsumer

        consumer = KafkaConsumer(bootstrap_servers=self.kafka.bootstrap)
        parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        found = {(tp.topic, tp.partition): end for tp, end in consumer.end_offsets(parts).items()}
        consumer.close()
        return found

    @contextmanager
    def stages(self, *names: str, **env: object) -> Iterator[dict[str, Stage]]:
        """These stages (all, if none is named), launched and ready; ended with the block."""
        made = {name: Stage(name, self.env | {k: str(v) for k, v in env.items()}) for name in names or STAGES}
        try:
            for stage in made.values():
                stage.launch()
            for stage in made.values():
                stage.wait_ready()
            yield made
        finally:
            for stage in made.values():
                stage.stop()


def order(number: int, at_ms: int) -> dict[str, Any]:
    """An order of 1.00, the only line of its order."""
    return {
        "kind": "order", "event_id": f"o{number}", "occurred_at": at_ms, "order_id": f"o{number}", "line": 1,
        "customer_id": "c", "amount": "1.00", "currency": "CNY", "quantity": 1,
        "dimensions": {"region": ("East", "South", "West", "North")[number % 4]},
    }  # fmt: skip


def counts(stage: Stage, topic: str = "sales.v1") -> dict[str, int]:
    """The counts of measure's source partitions of a topic, added up."""
    total: dict[str, int] = {}
    for one in stage.json("/status")["partitions"]:
        if one["topic"].endswith(f".{topic}"):
            for name, number in one["counts"].items():
                total[name] = total.get(name, 0) + number
    return total


def month_of(stage: Stage, kpi: str) -> float | None:
    """The company's value of a KPI over the month that is running, as evaluate's page shows it."""
    for figure in stage.json("/figures")["figures"]:
        if (figure["kpi"], figure["window"], figure["level"]) == (kpi, "month", "company"):
            return float(figure["value"])
    return None
