"""`dlq replay` and `rebuild` that are killed in the middle and run again, workers killed too: all exact."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.installation import BEGIN_MS, Installation, counts, month_of, order
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import REPOSITORY, Stage
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(240)
GOOD, BAD = 300, 1200
STORE = "- id: store\n  title: {en: Store, zh: 门店}\n"


@pytest.fixture
def installation(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(kafka, topic_prefix, tmp_path)
    yield made
    made.producer.close()


def send_bad(installation: Installation) -> None:
    """Orders by store, a dimension that the catalogue does not know yet."""
    topic = installation.topic("sales.v1")
    for number in range(BAD):
        event = order(10_000 + number, BEGIN_MS + number * 100)
        event["dimensions"]["store"] = "S1"
        installation.producer.send(topic, json.dumps(event).encode(), partition=number % 2)
    installation.producer.flush()


def end_of(installation: Installation) -> int:
    return sum(installation.ends(installation.topic("sales.v1")).values())


def begin(installation: Installation, *words: str) -> "subprocess.Popen[bytes]":
    """A command that may be killed while it works."""
    return subprocess.Popen(
        installation.command(*words), cwd=REPOSITORY, env=installation.env, stderr=subprocess.DEVNULL
    )


def kill(command: "subprocess.Popen[bytes]") -> None:
    command.kill()
    command.wait()


def all_counted(installation: Installation, stages: dict[str, Stage]) -> dict[str, int]:
    """The ledgers once they hold the whole log and the month's orders are what was sent."""

    def done() -> dict[str, int] | None:
        found = counts(stages["measure"])
        read = found["received"] == end_of(installation)
        return found if read and month_of(stages["evaluate"], "orders") == GOOD + BAD else None

    return wait_until(done, "all is counted", 60) or {}


def test_replay_and_rebuild_that_are_killed_and_run_again_count_once(installation: Installation) -> None:
    with installation.stages("measure", "evaluate") as stages:
        installation.orders(GOOD)
        send_bad(installation)
        wait_until(lambda: counts(stages["measure"])["refused"] == BAD, "the bad ones are refused")
        path = installation.catalogue / "dimensions.yaml"
        path.write_text(path.read_text("utf-8") + STORE, "utf-8")
        for stage in stages.values():
            stage.terminate()
            stage.start()
        before = end_of(installation)
        replay = begin(installation, "dlq", "replay", "--all")
        wait_until(lambda: end_of(installation) > before, "the replay has begun")
        kill(replay)
        stages["measure"].kill()
        stages["measure"].launch()
        installation.run("dlq", "replay", "--all")
        stages["measure"].kill()
        stages["measure"].start()
        installation.close_minutes(BEGIN_MS + 600_000)
        ledgers = all_counted(installation, stages)
        assert ledgers["counted"] == BAD + installation.sent
        assert ledgers["refused"] == BAD
        assert ledgers["received"] == sum(ledgers[name] for name in ("counted", "duplicate", "refused"))
        for stage in stages.values():
            stage.terminate()
    rebuild = begin(installation, "rebuild", "--yes")
    admin = installation.kafka.admin()
    cells = installation.topic("cells.v1")
    wait_until(lambda: admin.describe_topics([cells])[0]["error_code"], "the rebuild deletes")
    admin.close()
    kill(rebuild)
    installation.run("rebuild", "--yes")
    with installation.stages("measure", "evaluate") as stages:
        anew = all_counted(installation, stages)
    # under the mended catalogue the first sending is read too, and what was replayed repeats it
    assert (anew["counted"], anew["refused"]) == (ledgers["counted"], 0)
    assert anew["duplicate"] == anew["received"] - anew["counted"] == ledgers["duplicate"] + BAD
