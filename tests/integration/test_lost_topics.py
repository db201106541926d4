"""A topic that is deleted or made anew, while workers run or are away: each says what to do, none goes on."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.servers.installation import BEGIN_MS, Installation, counts, month_of
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import Stage
from tests.servers.waiting import ServerError, wait_until

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
    try:
        wait_until(lambda: not stage.alive, f"{stage.name} ends", 30)
    except ServerError as error:
        raise AssertionError(f"{error}; what it said:\n{stage.output()[-3000:]}") from error
    assert stage.process is not None
    return stage.process.returncode, [
        line for line in stage.output().splitlines() if line.startswith("planwatch ")
    ]


def count_all(installation: Installation, stages: dict[str, Stage], orders: int) -> None:
    wait_until(lambda: month_of(stages["evaluate"], "orders") == orders, "all orders are figures")
    assert counts(stages["measure"])["counted"] == installation.sent


def wait_acknowledged(installation: Installation) -> None:
    """Until every stage has state to lose: before that, one that begins from nothing misses nothing."""
    wait_until(
        lambda: all(any(installation.committed(stage).values()) for stage in CHANGELOGS), "acknowledged", 60
    )


def write_some(installation: Installation, topics: Iterable[str], stages: Iterable[Stage]) -> None:
    """Let the stages write into topics that were made anew behind their backs, unless they saw it before."""
    installation.orders(ORDERS)
    installation.close_minutes(BEGIN_MS + 600_000)
    wait_until(
        lambda: (
            all(sum(installation.ends(topic).values()) for topic in topics)
            or not all(stage.alive for stage in stages)
        ),
        "rows in the new topics",
    )


def test_a_changelog_made_anew_ends_its_stage_until_all_is_counted_anew(installation: Installation) -> None:
    changelogs = {stage: f"{installation.prefix}-{name}" for stage, name in CHANGELOGS.items()}
    with installation.stages() as stages:
        installation.orders(ORDERS)
        installation.close_minutes(BEGIN_MS + 300_000)
        count_all(installation, stages, ORDERS)
        wait_acknowledged(installation)
        delete(installation, *changelogs.values())
        installation.run("topics", "apply")
        write_some(installation, [changelogs["measure"]], stages.values())
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
        count_all(installation, stages, 2 * ORDERS + 2)  # the first two that closed minutes are closed now


def test_a_log_made_anew_while_nobody_looked_is_refused_however_long_it_has_become(
    installation: Installation,
) -> None:
    sales = installation.topic("sales.v1")
    with installation.stages() as stages:
        installation.orders(ORDERS)
        installation.close_minutes(BEGIN_MS + 300_000)
        count_all(installation, stages, ORDERS)
        wait_acknowledged(installation)
    delete(installation, sales)
    installation.run("topics", "apply")
    installation.orders(3 * ORDERS)
    installation.close_minutes(BEGIN_MS + 900_000)
    refused = installation.run("worker", "measure", code=4)
    assert f"topic {sales} was deleted and made anew" in refused.stderr
    assert "planwatch rebuild" in refused.stderr
    wait_until(lambda: installation.run("rebuild", "--yes", code=None).returncode == 0, "rebuilt")
    with installation.stages() as stages:
        wait_until(lambda: month_of(stages["evaluate"], "orders") == 3 * ORDERS, "the log is counted")


def test_logs_deleted_under_running_stages_end_each_that_lives_on_them(installation: Installation) -> None:
    cells, inbox, sales = (installation.topic(name) for name in ("cells.v1", "inbox.v1", "sales.v1"))
    with installation.stages() as stages:
        installation.orders(ORDERS)
        installation.close_minutes(BEGIN_MS + 300_000)
        count_all(installation, stages, ORDERS)
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
        assert code == 4
        assert "was deleted and made anew" in lines[-1]
        assert "planwatch rebuild" in lines[-1]
