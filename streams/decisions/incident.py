"""Decides what a transition or a command makes of an incident: opened, raised, eased, resolved, acknowledged.

An incident is a value; each function returns the next one. It refuses to know who is told (routing) and how
long a clock runs (obligation).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from schemas.base import EpochMs, Scope
from schemas.catalogue import Catalogue
from schemas.incident import Deed, Entry, Incident, Reason, incident_id, incident_key
from schemas.records import Acknowledge, Report, Solve, Transition
from schemas.tier import NONE, Clock
from streams.decisions.obligation import ENDED_BY_SOLVING, stop_clocks
from streams.decisions.routing import covers

#: lines of history kept per incident; the first one stays, the oldest after it go
HISTORY = 100
#: what the rules of incidents about Planwatch itself begin with
SELF = "planwatch_"
_DEEDS: dict[str, tuple[str, tuple[Clock, ...]]] = {
    "acknowledge": ("acknowledged", ("acknowledge",)),
    "solve": ("solved", ENDED_BY_SOLVING),
    "report": ("reported", ("report",)),
}


class Change(StrEnum):
    """What a transition did to the incident of its rule and scope."""

    OPENED = "opened"
    RAISED = "raised"
    EASED = "eased"
    RESOLVED = "resolved"
    KEPT = "kept"


def rank(catalogue: Catalogue | None, tier: str) -> int:
    """0 for none, then up the ladder; a tier that no known ladder has counts as the mildest."""
    if tier == NONE:
        return 0
    return 1 if catalogue is None else max(catalogue.rank(tier), 1)


def open_incident(transition: Transition, at_ms: EpochMs, subject: str = "", text: str = "") -> Incident:
    """A new incident that begins with this transition, read at record time `at_ms`."""
    key = incident_key(transition.rule, transition.scope, subject)
    return Incident(
        id=incident_id(key, transition.end_ms),
        rule=transition.rule,
        scope=transition.scope,
        subject=subject,
        tier=transition.tier,
        gravest=transition.tier,
        first_end_ms=transition.end_ms,
        since_ms=transition.since_ms,
        opened_ms=at_ms,
        text=text,
        last=transition,
        history=[Entry(at_ms=at_ms, what=Change.OPENED, text=_step(transition))],
    )


def step(
    catalogue: Catalogue | None, incident: Incident, transition: Transition, at_ms: EpochMs
) -> tuple[Incident, Change]:
    """The open incident after this transition, and what that did."""
    change = _change(rank(catalogue, incident.tier), rank(catalogue, transition.tier))
    graver = rank(catalogue, transition.tier) > rank(catalogue, incident.gravest)
    update: dict[str, object] = {
        "tier": transition.tier,
        "last": transition,
        "gravest": transition.tier if graver else incident.gravest,
        "resolved_ms": at_ms if change is Change.RESOLVED else None,
    }
    if change is Change.RESOLVED:
        update |= {
            "obligations": stop_clocks(incident.obligations, ENDED_BY_SOLVING, at_ms),
            "tell_at_ms": None,
        }
    return noted(incident.model_copy(update=update), at_ms, change, _step(transition)), change


def _change(before: int, after: int) -> Change:
    if after == 0:
        return Change.RESOLVED
    if after == before:
        return Change.KEPT
    return Change.RAISED if after > before else Change.EASED


def _step(transition: Transition) -> str:
    return f"{transition.previous} → {transition.tier} ({transition.cause})"


def noted(incident: Incident, at_ms: EpochMs, what: str, text: str = "") -> Incident:
    """The incident with one more line of history, at most `HISTORY` of them."""
    history = [*incident.history, Entry(at_ms=at_ms, what=what, text=text)]
    if len(history) > HISTORY:
        history = [history[0], *history[2:]]
    return incident.model_copy(update={"history": history})


def obey(
    incident: Incident, command: Acknowledge | Solve | Report, at_ms: EpochMs
) -> tuple[Incident, Reason | None]:
    """The incident after a person's command, or the reason why it changes nothing.

    Acknowledging or solving what is over, or doing a thing twice in the same tier, changes nothing. A graver
    tier asks anew: its running clock can be met again.
    """
    field, clocks = _DEEDS[command.type]
    over = not incident.is_open and command.type != "report"
    if over or _is_done(incident, getattr(incident, field), clocks):
        return incident, Reason.ALREADY_DONE
    deed = Deed(at_ms=at_ms, by=command.by, note=command.note)
    update: dict[str, object] = {
        field: deed,
        "obligations": stop_clocks(incident.obligations, clocks, at_ms, command.by),
    }
    if command.type == "solve" and incident.acknowledged is None:
        update["acknowledged"] = deed
    text = f"{command.by}: {command.note}" if command.note else command.by
    return noted(incident.model_copy(update=update), at_ms, field, text), None


def _is_done(incident: Incident, deed: Deed | None, clocks: tuple[Clock, ...]) -> bool:
    """Nothing was asked of the person since he last did it."""
    if deed is None:
        return False
    asked = (one for one in incident.obligations if one.clock in clocks)
    return not any(
        one.state == "running" or (one.state == "overdue" and one.since_ms > deed.at_ms) for one in asked
    )


def parents_of(incident: Incident, others: Iterable[Incident]) -> list[Incident]:
    """The open incidents of the same rule whose scope holds this one's without being it, narrowest first.

    Incidents of Planwatch itself have no parents.
    """
    holding = [
        one
        for one in others
        if one.is_open
        and one.rule == incident.rule
        and not incident.subject
        and _holds(one.scope, incident.scope)
    ]
    return sorted(holding, key=lambda one: (-len(one.scope), one.id))


def _holds(wide: Scope, narrow: Scope) -> bool:
    return len(wide) < len(narrow) and covers(wide, narrow)


About = Literal["transition", "due", "resolved", "self_alert", "test", "digest"]


def about(incident: Incident, change: Change) -> About:
    """What a notice of this change is about."""
    if change is Change.RESOLVED:
        return "resolved"
    return "self_alert" if incident.rule.startswith(SELF) else "transition"


def state_word(incident: Incident) -> str:
    """open, acknowledged, solved or resolved."""
    if not incident.is_open:
        return "resolved"
    if incident.solved is not None:
        return "solved"
    return "acknowledged" if incident.acknowledged is not None else "open"
