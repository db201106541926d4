"""Counting everything anew from the event logs: what is thrown away for it, and doing so.

Only what can be computed again goes: cells, changelogs, positions. Event logs and dead letters stay.
Incidents, with who acknowledged them, cannot be computed again and stay unless asked for.
"""

from dataclasses import dataclass

from schemas.errors import BrokerError
from streams.admin.apply import apply_steps, plan
from streams.admin.client import Admin
from streams.admin.plan import Action
from streams.admin.wanted import changelogs
from streams.settings import Settings
from streams.topics import Names


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What is deleted and made anew: topics with all they hold, and consumer groups with their positions."""

    topics: tuple[str, ...]
    groups: tuple[str, ...]


def rebuild_of(names: Names, *, incidents: bool) -> Rebuild:
    """What goes. `incidents`: also respond's state and its inbox, acknowledgements and silences with them.

    >>> rebuild_of(Names("p"), incidents=False).topics[-1]
    'p.cells.v1'
    >>> rebuild_of(Names("p"), incidents=True).groups
    ('p-measure', 'p-evaluate', 'p-respond')
    """
    kept = () if incidents else (names.inbox,)
    topics = [changelog for changelog, topic in changelogs(names).items() if topic not in kept]
    logs = [names.cells, *([names.inbox] if incidents else [])]
    stages = ("measure", "evaluate", "respond") if incidents else ("measure", "evaluate")
    return Rebuild((*topics, *logs), tuple(names.app(stage) for stage in stages))


def carry_out(rebuild: Rebuild, settings: Settings, admin: Admin) -> None:
    """Delete and make anew; BrokerError, and nothing is deleted, while a worker is running.

    May be repeated after an interruption: what is already gone is made again.
    """
    running = admin.running_groups(rebuild.groups)
    if running:
        timeout = f"{settings.kafka.session_timeout_s:g} s"
        remedy = f"stop every worker first; one that was killed is forgotten after {timeout}"
        raise BrokerError(f"workers are running: {', '.join(running)}", remedy=remedy)
    admin.delete_groups(rebuild.groups)
    admin.delete(admin.topics(rebuild.topics))
    steps = [step for step in plan(settings, admin) if step.action is Action.CREATE]
    apply_steps(steps, admin)
