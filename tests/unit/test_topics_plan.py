"""The plan of topics: what is made, grown, configured, and what is refused with its remedy."""

from typing import Any

import pytest

from schemas.errors import BrokerError, TopicsError
from streams.admin.apply import apply_steps
from streams.admin.plan import Action, Existing, Step, plan_topics
from streams.admin.rebuild import rebuild_of
from streams.admin.wanted import copies_for, wanted_topics
from streams.settings import KafkaSettings, Settings
from streams.topics import Names

WANTED = wanted_topics(Settings(kafka=KafkaSettings(prefix="p", partitions=4)))
ONE = copies_for(1)


def as_made(partitions: int = 4, replication: int = 1) -> dict[str, Existing]:
    """Every topic as `apply` would make it, with so many partitions of the input topics."""
    steps = plan_topics(WANTED, {}, ONE)
    return {
        step.topic: Existing(partitions if step.partitions == 4 else 1, replication, dict(step.config))
        for step in steps
    }


def step_of(steps: list[Step], topic: str) -> Step:
    return next(step for step in steps if step.topic == topic)


def test_every_topic_of_the_flow_is_wanted_with_its_changelog() -> None:
    partitions = {topic.name: topic.partitions for topic in WANTED}

    assert partitions == {
        "p.sales.v1": 4,
        "p.feedback.v1": 4,
        "p.sentiment.v1": 4,
        "p.sales.v1.dlq": 4,
        "p.feedback.v1.dlq": 4,
        "p.sentiment.v1.dlq": 4,
        "p.cells.v1": 1,
        "p.inbox.v1": 1,
        "p-measure-sales-v1-changelog": 4,
        "p-measure-feedback-v1-changelog": 4,
        "p-measure-sentiment-v1-changelog": 4,
        "p-evaluate-cells-v1-changelog": 1,
        "p-respond-inbox-v1-changelog": 1,
    }


def test_changelogs_are_compacted_and_logs_go_by_age() -> None:
    policy = {topic.name: topic.config.get("cleanup.policy") for topic in WANTED}

    assert {policy[name] for name in policy if name.endswith("changelog")} == {"compact"}
    assert policy["p.cells.v1"] == policy["p.inbox.v1"] == policy["p.sales.v1.dlq"] == "delete"
    assert policy["p.sales.v1"] is None


def test_no_topic_is_stamped_by_the_broker() -> None:
    assert not [topic for topic in WANTED if "message.timestamp.type" in topic.config]


def test_dead_letters_may_be_larger_than_the_events_they_hold() -> None:
    size = {topic.name: int(topic.config["max.message.bytes"]) for topic in WANTED}

    assert size["p.sales.v1"] > 2_000_000
    assert size["p.sales.v1.dlq"] > size["p.sales.v1"]


@pytest.mark.parametrize(
    ("brokers", "replication", "in_sync"),
    [
        pytest.param(1, 1, "1", id="one broker"),
        pytest.param(2, 1, "1", id="two brokers"),
        pytest.param(3, 3, "2", id="three brokers"),
        pytest.param(9, 3, "2", id="nine brokers"),
    ],
)
def test_new_topic_gets_copies_by_the_number_of_brokers(brokers: int, replication: int, in_sync: str) -> None:
    steps = plan_topics(WANTED, {}, copies_for(brokers))

    assert {step.action for step in steps} == {Action.CREATE}
    assert {step.replication for step in steps} == {replication}
    assert {step.config["min.insync.replicas"] for step in steps} == {in_sync}


def test_cluster_without_brokers_is_refused() -> None:
    with pytest.raises(BrokerError):
        copies_for(0)


def test_plan_for_topics_as_made_keeps_everything() -> None:
    assert {step.action for step in plan_topics(WANTED, as_made(), ONE)} == {Action.KEEP}


def test_input_topic_keeps_the_partitions_it_has_and_its_changelog_follows() -> None:
    existing = {name: found for name, found in as_made(6).items() if "measure" not in name}

    steps = plan_topics(WANTED, existing, ONE)

    assert step_of(steps, "p.sales.v1").action is Action.KEEP
    assert step_of(steps, "p-measure-sales-v1-changelog").action is Action.CREATE
    assert step_of(steps, "p-measure-sales-v1-changelog").partitions == 6


def test_changelog_with_fewer_partitions_than_its_topic_is_grown() -> None:
    existing = as_made() | {"p.sales.v1": Existing(8, 1, as_made()["p.sales.v1"].config)}

    step = step_of(plan_topics(WANTED, existing, ONE), "p-measure-sales-v1-changelog")

    assert (step.action, step.partitions) == (Action.GROW, 8)


@pytest.mark.parametrize(
    ("topic", "partitions"),
    [
        pytest.param("p-measure-sales-v1-changelog", 8, id="changelog with more than its topic"),
        pytest.param("p.cells.v1", 2, id="cells with two"),
        pytest.param("p.inbox.v1", 2, id="inbox with two"),
        pytest.param("p-evaluate-cells-v1-changelog", 4, id="changelog of cells with four"),
    ],
)
def test_too_many_partitions_are_refused_with_the_remedy(topic: str, partitions: int) -> None:
    existing = as_made() | {topic: Existing(partitions, 1, as_made()[topic].config)}

    step = step_of(plan_topics(WANTED, existing, ONE), topic)

    assert step.action is Action.REFUSE
    assert "planwatch rebuild" in step.remedy


def test_differing_configuration_is_set_and_nothing_else() -> None:
    made = as_made()["p.cells.v1"]
    existing = as_made() | {
        "p.cells.v1": Existing(1, 1, {**made.config, "retention.ms": "1000", "other": "x"})
    }

    step = step_of(plan_topics(WANTED, existing, ONE), "p.cells.v1")

    assert step.action is Action.CONFIGURE
    assert dict(step.config) == {"retention.ms": str(72 * 3_600_000)}
    assert step.note == "retention.ms is 1000"


def test_value_that_the_broker_does_not_tell_is_left_alone() -> None:
    existing = {name: Existing(found.partitions, 1, {}) for name, found in as_made().items()}

    assert {step.action for step in plan_topics(WANTED, existing, ONE)} == {Action.KEEP}


def test_topic_with_too_few_copies_is_kept_with_a_note() -> None:
    step = step_of(plan_topics(WANTED, as_made(), copies_for(3)), "p.sales.v1")

    assert step.action is Action.KEEP
    assert "wanted 3" in step.note
    assert not step.config


def test_refused_step_lets_nothing_be_changed() -> None:
    untouched: Any = object()
    steps = [Step("a", Action.CREATE, 1, 1), Step("b", Action.REFUSE, 8, 1, note="has 8", remedy="rebuild")]

    with pytest.raises(TopicsError, match="b has 8 — rebuild"):
        apply_steps(steps, untouched)


def test_rebuild_keeps_event_logs_dead_letters_and_incidents() -> None:
    names = Names("p")
    gone = rebuild_of(names, incidents=False)

    assert not {*names.inputs, *map(names.dlq, names.inputs), names.inbox} & set(gone.topics)
    assert names.changelog("respond", names.inbox) not in gone.topics
    assert names.app("respond") not in gone.groups


def test_rebuild_of_incidents_forgets_the_inbox_with_its_state() -> None:
    names = Names("p")
    gone = rebuild_of(names, incidents=True)

    assert {names.inbox, names.changelog("respond", names.inbox)} <= set(gone.topics)
    assert not set(names.inputs) & set(gone.topics)
