"""Planning, applying and checking the topics, with the broker asked through its admin client."""

from schemas.errors import TopicsError
from streams.admin.client import Admin
from streams.admin.plan import REBUILD, Action, Step, plan_topics
from streams.admin.wanted import copies_for, wanted_topics
from streams.settings import Settings

APPLY = "run `planwatch topics apply`"


def plan(settings: Settings, admin: Admin) -> list[Step]:
    """The steps that make the installation's topics as they should be; nothing is changed."""
    wanted = wanted_topics(settings)
    existing = admin.topics([topic.name for topic in wanted], configs=True)
    return plan_topics(wanted, existing, copies_for(admin.brokers()))


def apply_steps(steps: list[Step], admin: Admin) -> None:
    """Carry the steps out; TopicsError, and nothing is changed, when one of them is refused."""
    refused = [step for step in steps if step.action is Action.REFUSE]
    if refused:
        raise TopicsError(
            "; ".join(f"{step.topic} {step.note}" for step in refused), remedy=refused[0].remedy
        )
    new = [step for step in steps if step.action is Action.CREATE]
    if new:
        admin.create(new)
    for step in steps:
        if step.action is Action.GROW:
            admin.grow(step.topic, step.partitions)
        elif step.action is Action.CONFIGURE:
            admin.configure(step.topic, step.config)


def check_topics(settings: Settings) -> None:
    """Refuse to start on missing topics or unequal partitions: TopicsError names them and what mends it.

    Configurations are not compared: a broker may hold a value that only its operators may change.
    """
    wanted = wanted_topics(settings)
    with Admin(settings.kafka) as admin:
        existing = admin.topics([topic.name for topic in wanted])
        steps = plan_topics(wanted, existing, copies_for(admin.brokers()))
    missing = [step.topic for step in steps if step.action is Action.CREATE]
    unequal = [step for step in steps if step.action in (Action.GROW, Action.REFUSE)]
    problems = [f"{step.topic} {step.note}" for step in unequal]
    if missing:
        problems.append(f"missing: {', '.join(missing)}")
    if problems:
        hopeless = any(step.action is Action.REFUSE for step in unequal)
        raise TopicsError("; ".join(problems), remedy=REBUILD if hopeless else APPLY)
