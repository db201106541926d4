"""Dead letters on a real Kafka: refused by the worker, listed, shown, and replayed once they can be read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer

from tests.integration.adventureworks_run import make_catalogue, planwatch
from tests.servers.planwatch import REPOSITORY, Stage, environment
from tests.servers.waiting import wait_until

if TYPE_CHECKING:
    from tests.servers.kafka import KafkaCluster

GOOD = {
    "kind": "mention",
    "event_id": "m-1",
    "occurred_at": "2026-11-22T10:00:00+08:00",
    "platform": "forum",
    "polarity": "0.5",
    "reach": 10,
}
STORE = "- id: store\n  title: {en: Store, zh: 门店}\n"


class Installation:
    """One installation on a real Kafka, of which only measure runs."""

    def __init__(self, kafka: "KafkaCluster", prefix: str, catalogue: Path) -> None:
        self.catalogue = catalogue
        self.topic = f"{prefix}.sentiment.v1"
        self.env = environment(kafka.bootstrap, prefix, catalogue, KAFKA__PARTITIONS=2)
        planwatch(["topics", "apply"], self.env, check=True)
        self._producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)

    def send(self, *values: bytes) -> None:
        for number, value in enumerate(values):
            headers = [("trace", b"%d" % number)]
            self._producer.send(self.topic, key=b"k%d" % number, value=value, headers=headers)
        self._producer.flush()

    def close(self) -> None:
        self._producer.close()

    def dlq(self, *arguments: str) -> Any:
        return json.loads(self.try_dlq(*arguments, "--json").stdout)

    def try_dlq(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return planwatch(["dlq", *arguments], self.env)

    def wait_received(self, stage: Stage, count: int) -> dict[str, int]:
        """The counts over all partitions once so many records are received and written."""

        def total() -> dict[str, int] | None:
            found: dict[str, int] = {}
            for partition in stage.json("/status")["partitions"]:
                for name, number in partition["counts"].items():
                    found[name] = found.get(name, 0) + number
            return found if found.get("received") == count else None

        return wait_until(total, f"{count} records are received") or {}


@pytest.fixture
def installation(kafka: "KafkaCluster", topic_prefix: str, tmp_path: Path) -> Any:
    """An installation whose catalogue does not know stores yet."""
    made = Installation(kafka, topic_prefix, make_catalogue(tmp_path / "catalogue"))
    yield made
    made.close()


def test_letters_are_listed_shown_and_replayed_once_they_can_be_read(installation: Installation) -> None:
    unknown = json.dumps(GOOD | {"dimensions": {"store": "S1"}}).encode()
    with Stage("measure", installation.env) as stage:
        installation.send(json.dumps(GOOD | {"event_id": "m-0"}).encode(), unknown, b"no json \xff")
        assert installation.wait_received(stage, 3)["refused"] == 2
        wait_until(lambda: len(installation.dlq("list")) == 2, "both letters are there")
    letters = {letter["reason"]: letter for letter in installation.dlq("list")}
    letter = letters["unknown_dimension"]
    assert letter["field"] == "dimensions.store"
    assert letter["remedy"]
    shown = installation.dlq("show", letter["id"])
    assert (shown["key"], shown["body"], shown["headers"]) == ("k1", unknown.decode(), [["trace", "1"]])

    # nothing was mended yet: both would be refused again, and stay where they are
    assert installation.dlq("replay", "--all") == {
        "chosen": 2,
        "would_be_refused": 2,
        "ready": 0,
        "replayed": 0,
        "dry_run": False,
    }

    path = installation.catalogue / "dimensions.yaml"
    path.write_text(path.read_text("utf-8") + STORE, "utf-8")
    assert installation.dlq("replay", "--all", "--dry-run")["ready"] == 1
    assert installation.dlq("replay", letter["id"])["replayed"] == 1
    assert installation.dlq("replay", "--all")["chosen"] == 1
    open_letters = [one["reason"] for one in installation.dlq("list")]
    assert open_letters == [reason for reason in letters if reason != "unknown_dimension"]
    assert {one["replayed"] for one in installation.dlq("list", "--all")} == {True, False}
    with Stage("measure", installation.env) as stage:
        counts = installation.wait_received(stage, 4)
    assert counts["counted"] == 2
    assert counts["refused"] == 2


def test_letter_replayed_twice_is_counted_once(installation: Installation) -> None:
    unknown = json.dumps(GOOD | {"dimensions": {"store": "S1"}}).encode()
    with Stage("measure", installation.env) as stage:
        installation.send(unknown)
        installation.wait_received(stage, 1)
        wait_until(lambda: len(installation.dlq("list")) == 1, "the letter is there")
    path = installation.catalogue / "dimensions.yaml"
    path.write_text(path.read_text("utf-8") + STORE, "utf-8")
    (letter,) = installation.dlq("list")

    # as after an interruption between sending and marking: sent, not marked, sent again
    program = (
        "import sys; from streams.broker import *; from streams.deadletters import *;"
        "from streams.settings import load_settings as s;"
        "(one,) = letters_of(read_topics(s().kafka, [sys.argv[1] + '.dlq']));"
        "sender = Sender(s().kafka);"
        "sender.send(Outgoing(one.topic, one.key, one.body, one.headers, one.partition)); sender.flush()"
    )
    command = [sys.executable, "-c", program, installation.topic]
    subprocess.run(command, cwd=REPOSITORY, env=installation.env, check=True)
    assert installation.dlq("replay", letter["id"])["replayed"] == 1

    with Stage("measure", installation.env) as stage:
        counts = installation.wait_received(stage, 3)
    assert (counts["counted"], counts["duplicate"], counts["refused"]) == (1, 1, 1)


def test_unknown_id_is_refused_with_the_remedy(installation: Installation) -> None:
    for command in ("show", "replay"):
        done = installation.try_dlq(command, "nowhere/0/0")

        assert done.returncode == 2
        assert "planwatch dlq list --all" in done.stderr
