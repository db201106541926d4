"""`topics plan|apply` and the workers' check on Apache Kafka and on the embedded broker."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic

from schemas.errors import TopicsError
from streams.admin import check_topics
from streams.settings import KafkaSettings, Settings
from tests.servers.planwatch import REPOSITORY, environment

if TYPE_CHECKING:
    from tests.servers.kafka import KafkaCluster


class Commands:
    """The command line with the environment of one installation."""

    def __init__(self, bootstrap: str, prefix: str, **settings: object) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        self._env = environment(bootstrap, prefix, REPOSITORY / "deploy" / "catalogue", **settings)
        self.settings = Settings(kafka=KafkaSettings(bootstrap=bootstrap, prefix=prefix))

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "streams.cli.main", *arguments]
        return subprocess.run(
            command, cwd=REPOSITORY, env=self._env, capture_output=True, text=True, check=False
        )

    def actions(self, *arguments: str) -> dict[str, str]:
        """Topic → action, without the prefix."""
        steps = json.loads(self.run(*arguments, "--json").stdout)
        return {step["topic"].removeprefix(self.prefix): step["action"] for step in steps}


@pytest.fixture(params=["kafka", "tansu"])
def commands(request: pytest.FixtureRequest, topic_prefix: str) -> Commands:
    """An installation on each broker."""
    broker: Any = request.getfixturevalue(request.param)
    return Commands(broker.bootstrap, topic_prefix)


def test_topics_are_planned_made_and_then_kept(commands: Commands) -> None:
    planned = commands.run("topics", "plan", "--json")
    assert planned.returncode == 1
    assert {step["action"] for step in json.loads(planned.stdout)} == {"create"}

    assert set(commands.actions("topics", "apply").values()) == {"create"}
    assert set(commands.actions("topics", "apply").values()) == {"keep"}
    assert commands.run("topics", "plan").returncode == 0
    check_topics(commands.settings)


def test_missing_topics_are_refused_at_start_with_the_command_that_makes_them(commands: Commands) -> None:
    with pytest.raises(TopicsError, match="planwatch topics apply") as refused:
        check_topics(commands.settings)

    assert f"{commands.prefix}.sales.v1" in str(refused.value)


def test_changelog_with_too_many_partitions_is_refused_with_the_remedy(commands: Commands) -> None:
    changelog = f"{commands.prefix}-measure-sales-v1-changelog"
    admin = KafkaAdminClient(bootstrap_servers=commands.bootstrap)
    admin.create_topics([NewTopic(changelog, 7, 1)], wait_for_metadata=True)
    admin.close()

    done = commands.run("topics", "apply")

    assert done.returncode == 4
    assert "has 7 partitions" in done.stderr
    assert "planwatch rebuild" in done.stderr
    assert commands.actions("topics", "plan")[".cells.v1"] == "create"


def test_grown_topic_has_its_changelog_grown_on_kafka(kafka: "KafkaCluster", topic_prefix: str) -> None:
    commands = Commands(kafka.bootstrap, topic_prefix)
    commands.run("topics", "apply")
    admin = kafka.admin()
    admin.create_partitions({f"{topic_prefix}.sales.v1": NewPartitions(6)})
    with pytest.raises(TopicsError, match="planwatch topics apply"):
        check_topics(commands.settings)

    assert commands.actions("topics", "apply")["-measure-sales-v1-changelog"] == "grow"

    check_topics(commands.settings)
    (changelog,) = admin.describe_topics([f"{topic_prefix}-measure-sales-v1-changelog"])
    admin.close()
    assert len(changelog["partitions"]) == 6


def test_changed_configuration_is_set_right_on_kafka(kafka: "KafkaCluster", topic_prefix: str) -> None:
    Commands(kafka.bootstrap, topic_prefix).run("topics", "apply")
    longer = Commands(kafka.bootstrap, topic_prefix, KAFKA__CELLS_RETENTION_H=100)

    changed = {name for name, action in longer.actions("topics", "apply").items() if action == "configure"}

    assert changed == {".cells.v1", ".inbox.v1"}
    assert set(longer.actions("topics", "apply").values()) == {"keep"}


def test_three_brokers_get_three_copies_and_two_in_sync(kafka3: "KafkaCluster", topic_prefix: str) -> None:
    Commands(kafka3.bootstrap, topic_prefix).run("topics", "apply")

    admin = kafka3.admin()
    topics = [topic for topic in admin.describe_topics() if topic["name"].startswith(topic_prefix)]
    admin.close()
    assert len(topics) == 13
    assert {len(part["replica_nodes"]) for topic in topics for part in topic["partitions"]} == {3}
    config = Commands(kafka3.bootstrap, topic_prefix).run("topics", "plan")
    assert config.returncode == 0


def test_doctor_and_rebuild_work_on_the_broker(commands: Commands, tmp_path: Path) -> None:
    commands.run("topics", "apply")

    doctor = commands.run("doctor", "--json")
    rebuilt = commands.run("rebuild", "--yes", "--incidents")

    checks = {check["subject"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert checks["broker"]["right"], checks
    assert checks["clock"]["right"], checks
    assert checks["topics"]["right"], checks
    assert rebuilt.returncode == 0, rebuilt.stderr
    check_topics(commands.settings)
