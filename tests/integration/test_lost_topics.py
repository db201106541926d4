"""A topic that is deleted or made anew, while workers run or are away: each says what to do, none goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.installation import BEGIN_MS, Installation, counts, month_of
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import Stage
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.timeout(180)
ORDERS = 500
CHANGELOGS = {
    "measure": "measure-sales-v1-changelog",
    "evaluate": "evaluate-cells-v1-changelog",
    "respond": "respond-inbox-v1-changelog",
}


@pytest.fixture
def installation(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(kafka, topic_prefix, tmp_path)
    yield made
    made.producer.close()


def delete(installation: Installation, *topics: str) -> None:
    """As somebody does who knows nothing of Planwatch; returns when they are gone."""
    admin = installation.kafka.admin()
    admin.delete_topics(list(topics))
    wait_until(lambda: all(one["error_code"] for one in admin.describe_topics(list(topics))), "they are gone")
    admin.close()


def last_words(stage: Stage) -> tuple[int, list[str]]:
    """Exit code and the lines for people, once the stage has ended."""
    wait_until(lambda: not stage.alive, f"{stage.name} ends", 30)
    assert stage.process is not None
    return stage.process.returncode, [
        line for line in stage.output().splitlines() if line.startswith("planwatch ")
    ]


def count_all(installation: Installation, stages: dict[str, Stage]) -> None:
    wait_until(lambda: month_of(stages["evaluate"], "orders") == ORDERS, "all orders are figures")
    assert counts(stages["measure"])["counted"] == installation.sent


def test_a_changelog_made_anew_ends_its_stage_until_all_is_counted_anew(installation: Installation) -> None:
    changelogs = {stage: f"{installation.prefix}-{name}" for stage, name in CHANGELOGS.items()}
    with installation.stages() as stages:
        installation.orders(ORDERS)
        installation.close_minutes(BEGIN_MS + 300_000)
        count_all(installation, stages)
        delete(installation, *changelogs.values())
        installation.run("topics", "apply")
        for name, stage in stages.items():
            code, lines = last_words(stage)
            assert (code, len(lines)) == (4, 1), lines
            assert changelogs[name] in lines[0]
            assert "planwatch rebuild" in lines[0]
        for name, stage in stages.items():  # and no start can do without it
            stage.launch()
            code, lines = last_words(stage)
            assert code == 5, stage.output()
            assert f"planwatch {name}" in lines[-1]
            assert "changelog was re-created or cut" in lines[-1]
    wait_until(  # the broker forgets stages that ended like this after their session's timeout
        lambda: installation.run("rebuild", "--yes", "--incidents", code=None).returncode == 0, "rebuilt"
    )
    with installation.stages() as stages:
        count_all(installation, stages)


def test_logs_deleted_under_running_stages_end_each_that_lives_on_them(installation: Installation) -> None:
    cells, inbox, sales = (installation.topic(name) for name in ("cells.v1", "inbox.v1", "sales.v1"))
    with installation.stages() as stages:
        installation.orders(ORDERS)
        installation.close_minutes(BEGIN_MS + 300_000)
        count_all(installation, stages)
        delete(installation, cells)
        for name in ("measure", "evaluate"):
            code, lines = last_words(stages[name])
            assert (code, len(lines)) == (4, 1), lines
            assert f"topic {cells} was deleted" in lines[0]
        assert stages["respond"].alive
        delete(installation, inbox, sales)
        code, lines = last_words(stages["respond"])
        assert code == 4
        assert f"topic {inbox} was deleted" in lines[0]
        assert "--incidents" in lines[0]
        refused = installation.run("worker", "measure", code=4)
        assert "planwatch topics apply" in refused.stderr
        installation.run("topics", "apply")
        stages["measure"].launch()
        code, lines = last_words(stages["measure"])
        assert code in (4, 5)
        assert "re-created or cut" in lines[-1]
        assert "planwatch rebuild" in lines[-1]
