"""What must be done so that the topics are as wanted: a pure comparison of what is wanted with what is there.

Never plans to delete or to move data: what would need that is refused, with the remedy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from streams.admin.wanted import Copies, Wanted

REBUILD = "stop the workers and run `planwatch rebuild`"
_IN_SYNC = "min.insync.replicas"


@dataclass(frozen=True, slots=True)
class Existing:
    """One topic as it is. `config` holds every value the broker tells, defaults too."""

    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)


class Action(StrEnum):
    """What a step does."""

    KEEP = "keep"
    CREATE = "create"
    GROW = "grow"
    CONFIGURE = "configure"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Step:
    """One topic and what is done with it; `config` holds only the values to set."""

    topic: str
    action: Action
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    remedy: str = ""


def plan_topics(wanted: Sequence[Wanted], existing: Mapping[str, Existing], copies: Copies) -> list[Step]:
    """One step for each topic wanted, in their order, and after a `grow` a `configure` if both are needed."""
    steps: list[Step] = []
    counts: dict[str, int] = {}
    for topic in wanted:
        leader = counts.get(topic.follows, topic.partitions)
        found = existing.get(topic.name)
        if found is None:
            counts[topic.name] = leader
            steps.append(_create(topic, leader, copies))
            continue
        counts[topic.name] = found.partitions
        steps += _keep(topic, leader, found, copies)
    return steps


def _create(topic: Wanted, partitions: int, copies: Copies) -> Step:
    config = topic.config | {_IN_SYNC: str(copies.in_sync)}
    return Step(topic.name, Action.CREATE, partitions, copies.replication, config)


def _keep(topic: Wanted, partitions: int, found: Existing, copies: Copies) -> list[Step]:
    steps: list[Step] = []
    have, replication = found.partitions, found.replication
    if topic.exactly and have > partitions:
        whose = f"those of {topic.follows}" if topic.follows else "what it must have"
        note = f"has {have} partitions, {whose}: {partitions}"
        return [Step(topic.name, Action.REFUSE, have, replication, note=note, remedy=REBUILD)]
    if topic.exactly and have < partitions:
        note = f"has {have} partitions, {topic.follows} has {partitions}"
        steps.append(Step(topic.name, Action.GROW, partitions, replication, note=note))
    in_sync = copies.in_sync if replication >= copies.replication else 1
    wanted = topic.config | {_IN_SYNC: str(in_sync)}
    differing = {key: value for key, value in wanted.items() if found.config.get(key, value) != value}
    if differing:
        note = ", ".join(f"{key} is {found.config[key]}" for key in differing)
        steps.append(Step(topic.name, Action.CONFIGURE, partitions, replication, differing, note))
    if not steps:
        steps.append(Step(topic.name, Action.KEEP, have, replication, note=_copies_note(replication, copies)))
    return steps


def _copies_note(replication: int, copies: Copies) -> str:
    if replication >= copies.replication:
        return ""
    return f"{replication} copy, wanted {copies.replication}: add replicas with kafka-reassign-partitions"
