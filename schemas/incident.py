"""An incident and its obligations: what respond remembers, and every reason for which nobody was told.

What happens to them is decided in `streams/decisions/{incident,obligation,routing}.py`.
"""

import base64
import hashlib
from enum import StrEnum
from typing import Literal

from pydantic import Field

from schemas.base import EpochMs, Model, Name, Scope, scope_text
from schemas.records import Transition
from schemas.tier import Clock


class Reason(StrEnum):
    """Why a record of the inbox changed nothing, or a notice was not sent: log field and metric label at
    once."""

    REPEATED = "repeated"  # a transition at or before the last one of its rule and scope
    NOT_OPEN = "not_open"  # back to none, and no incident was open
    UNREADABLE = "unreadable"  # not JSON, or no record that belongs in the inbox
    UNKNOWN_INCIDENT = "unknown_incident"  # a command names an incident that is not kept
    ALREADY_DONE = "already_done"  # acknowledged, solved or reported before; or the incident is over
    UNKNOWN_NOTICE = "unknown_notice"  # a receipt for a notice that no longer waits
    STALE = "stale"  # older than `stale_after` on arrival: recorded only
    SHADOW = "shadow"  # the rule or the installation is in shadow: recorded only
    SILENCED = "silenced"  # told when the silence ends, if still open
    JOINED = "joined"  # the same person was told of the parent, which is as grave
    NO_ROUTE = "no_route"  # no route matches tier, scope and rule
    NEVER_TOLD = "never_told"  # it eased or ended, and nobody had been told that it began
    SUPERSEDED = (
        "superseded"  # a newer rung of the same pane end for the same person, before this one was sent
    )
    OUTBOX_FULL = "outbox_full"  # too many notices wait for their receipts
    CARD_FAILED = "card_failed"  # the card raised: a plain one was sent instead


class Obligation(Model):
    """A clock on an incident: `clock` is due at `due_ms`, counted from when `tier` was entered.

    `overdue` was told to the next level once; `void` was replaced by a graver tier's clock or ended with
    the incident.
    """

    clock: Clock
    tier: Name
    since_ms: EpochMs
    due_ms: EpochMs
    state: Literal["running", "met", "overdue", "void"] = "running"
    ended_ms: EpochMs | None = None
    by: str = ""


class Recipient(Model):
    """One person on one channel; `address` is his there (empty: the channel knows)."""

    person: Name
    channel: Name
    level: int
    address: str = ""


class Deed(Model):
    """What a person did to an incident, and when it was read."""

    at_ms: EpochMs
    by: str
    note: str = ""


class Entry(Model):
    """One line of an incident's history, in the order it happened; `at_ms` is record time."""

    at_ms: EpochMs
    what: str
    text: str = ""


class Incident(Model):
    """The span from the first transition above none until resolved, for one rule and scope.

    `subject` tells incidents of Planwatch itself apart (rule `planwatch_<what>`). `level` is the highest
    level of people reached so far. `untold` says why its present tier was told to nobody; `tell_at_ms`
    when to try again. `last` is the newest transition. Times are record times, except `since_ms` (event
    time in which the trouble began).
    """

    id: str
    rule: Name
    scope: Scope
    subject: str = ""
    tier: str
    gravest: str
    first_end_ms: EpochMs
    since_ms: EpochMs
    opened_ms: EpochMs
    resolved_ms: EpochMs | None = None
    parent: str | None = None
    level: int = 0
    untold: Reason | None = None
    tell_at_ms: EpochMs | None = None
    text: str = ""
    last: Transition
    acknowledged: Deed | None = None
    solved: Deed | None = None
    reported: Deed | None = None
    told: list[Recipient] = Field(default_factory=list)
    obligations: list[Obligation] = Field(default_factory=list)
    history: list[Entry] = Field(default_factory=list)

    @property
    def key(self) -> str:
        """What it is about: equal for all incidents of one rule and scope."""
        return incident_key(self.rule, self.scope, self.subject)

    @property
    def is_open(self) -> bool:
        """Not resolved yet."""
        return self.resolved_ms is None

    @property
    def shown_tier(self) -> str:
        """The tier it is at, or after its end the gravest it had."""
        return self.tier if self.is_open else self.gravest


def incident_key(rule: str, scope: Scope, subject: str = "") -> str:
    """Rule, scope and subject as one stable line.

    >>> incident_key("refunds", {"region": "East"})
    'refunds|region=East|'
    """
    return f"{rule}|{scope_text(scope)}|{subject}"


def incident_id(key: str, first_end_ms: EpochMs) -> str:
    """A short name for an incident that can be typed: its rule, and 40 bits of its key and first pane end.

    Only letters, digits and hyphens: no chat program takes them for markup.

    >>> incident_id("refunds_up|region=East|", 1_795_312_800_000)
    'refunds-up-sxxz3uhx'
    """
    digest = hashlib.sha256(f"{key}|{first_end_ms}".encode()).digest()[:5]
    rule = key.partition("|")[0].replace("_", "-")
    return f"{rule}-{base64.b32encode(digest).decode().lower()}"
