"""What stands in the cells topic and the inbox topic, besides pages.

Every record is JSON with its kind under `type`; pages have their own codec (`streams/cells/page.py`,
`type` is `page`). Records carry no wall-clock time: a fold takes it from the Kafka record's timestamp.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.base import EpochMs, Language, Model, Name, Scope, scope_text
from schemas.catalogue import Catalogue


class Counts(Model):
    """What became of every record: received = counted + duplicate + expired + refused; late ⊆ counted."""

    received: int = 0
    counted: int = 0
    duplicate: int = 0
    late: int = 0
    expired: int = 0
    refused: int = 0


class Ledger(Model):
    """A source partition's own record, written after the pages it answers for.

    `stamp`: the last offset counted (−1: none). `watermark_ms`: None until the first event. `idle`: its
    owner has read to the end and heard nothing for `idle_after`; it does not hold time back while so.
    `opened`: set in a ledger sent before the first pages after idleness, so that time waits for them.
    `forgotten`: event ids that the dedupe index let go before their horizon, for want of room. `other`:
    counted events that went to the leaf `other` because a dimension had too many values here.
    """

    type: Literal["ledger"] = "ledger"
    topic: str
    partition: int
    stamp: int
    watermark_ms: EpochMs | None = None
    idle: bool = False
    opened: bool = False
    idle_ms: int = 0
    counts: Counts = Counts()
    forgotten: int = 0
    other: int = 0
    owner: str = ""


class Roster(Model):
    """Which source partitions there are: topic → number of partitions."""

    type: Literal["roster"] = "roster"
    partitions: dict[str, int]


class LayoutRecord(Model):
    """The measures of a layout, in the order of a page's columns."""

    type: Literal["layout"] = "layout"
    id: str
    measures: list[str]
    dimensions: list[str]


class ClosedPeriod(Model):
    """A KPI over a calendar window at the end of its period."""

    kpi: Name
    window: str
    end_ms: EpochMs
    scope: Scope


class Rewrite(Model):
    """Points of these reached a sink although their writer's time was over: the owner writes them again.

    A point of a closed period is the only one that is ever written with another value than before, and a sink
    keeps the last: what came late from a former owner may stand where a newer value stood.
    """

    type: Literal["rewrite"] = "rewrite"
    periods: list[ClosedPeriod]


class CatalogueRecord(Model):
    """From here on the fold uses this catalogue."""

    type: Literal["catalogue"] = "catalogue"
    catalogue: Catalogue


class Driver(Model):
    """One leaf's (or scope's) part in a departure, worst first.

    `share` is its part of the whole shortfall (0.75 = three quarters); `change` is relative to what was
    expected of it (−0.15), None where nothing was.
    """

    scope: Scope
    value: float
    expected: float | None
    change: float | None
    share: float


Cause = Literal["worse", "better", "quiet", "heard", "removed"]


class Transition(Model):
    """A change of tier by one rung, with its cause; the only thing that judging emits.

    `tier` is the tier entered, `previous` the one left. `end_ms` is the pane end judged. `departure` is
    the comparison's result (ratio, difference…). `silent`: the rule is in shadow or the installation is.
    """

    type: Literal["transition"] = "transition"
    rule: Name
    scope: Scope
    tier: str
    previous: str
    cause: Cause
    end_ms: EpochMs
    seq: int = 0
    kpi: Name
    window: str
    value: float | None
    expected: float | None
    departure: float | None
    threshold: float | None
    since_ms: EpochMs
    drivers: list[Driver] = Field(default_factory=list)
    catalogue: str
    silent: bool = False

    @property
    def id(self) -> str:
        """(rule, scope, tier, pane end): the same transition written again carries the same id."""
        return f"{self.rule}|{scope_text(self.scope)}|{self.tier}|{self.end_ms}"


class SelfAlert(Model):
    """Planwatch alerts about itself: a sink is behind, a rule raised, a source is quiet, it lags.

    `on` False says that it is well again. Becomes an incident of rule `planwatch_<what>`.
    """

    type: Literal["self_alert"] = "self_alert"
    what: Name
    subject: str
    on: bool
    tier: str
    text: str
    at_ms: EpochMs


class Tick(Model):
    """Time passes: written by the ready owner of the inbox partition; the record's timestamp is the time.

    `frontier_ms`: the pane end up to which has been judged, where the writer knows it. When it comes near the
    record's timestamp after a backfill, what is still open is told, however long ago it began.
    """

    type: Literal["tick"] = "tick"
    frontier_ms: EpochMs | None = None


class Acknowledge(Model):
    """A person says that he has it."""

    type: Literal["acknowledge"] = "acknowledge"
    incident: str
    by: str
    note: str = ""


class Solve(Model):
    """A person says that it is solved (closes the solve clock; the incident ends by its tier)."""

    type: Literal["solve"] = "solve"
    incident: str
    by: str
    note: str = ""


class Report(Model):
    """The root-cause report was handed in."""

    type: Literal["report"] = "report"
    incident: str
    by: str
    note: str = ""


class Silence(Model):
    """No notices for this rule (empty: all rules) within this scope until then; judged and recorded all the
    same.

    `until_ms` is wall time. Silencing again with the same id replaces it; `until_ms` in the past ends it.
    """

    type: Literal["silence"] = "silence"
    id: str
    rule: str = ""
    scope: Scope = Field(default_factory=dict)
    until_ms: EpochMs
    by: str
    note: str = ""


class Receipt(Model):
    """What became of a notice: sent, or given up with the reason."""

    type: Literal["receipt"] = "receipt"
    notice: str
    outcome: Literal["sent", "failed", "dropped"]
    detail: str = ""


class Notice(Model):
    """One message to one recipient on one channel because of one transition or obligation.

    `key` groups what belongs to one incident at the receiver (dedup key). `about` says why it is sent.
    `facts` is what the channel's card is rendered from (`streams/decisions/card.py`).
    """

    id: str
    key: str
    incident: str
    channel: Name
    person: Name
    address: str
    language: Language
    tier: str
    about: Literal["transition", "due", "resolved", "self_alert", "test", "digest"]
    facts: "Card"


class Card(Model):
    """What a card says, in one language, already worded: channels only lay it out.

    `lines` are (label, text) pairs in reading order: what, where, how much against what was expected,
    since when, likely driver, who must do what by when. No markup; text from events is already escaped of
    control characters and cut to length.
    """

    title: str
    tier: str
    tier_title: str
    colour: str
    lines: list[tuple[str, str]]
    link: str
    link_title: str


CellsRecord = Annotated[
    Ledger | Roster | LayoutRecord | CatalogueRecord | Rewrite, Field(discriminator="type")
]
InboxRecord = Annotated[
    Transition | SelfAlert | Tick | Acknowledge | Solve | Report | Silence | Receipt | CatalogueRecord,
    Field(discriminator="type"),
]
CELLS_RECORD: TypeAdapter[CellsRecord] = TypeAdapter(CellsRecord)
INBOX_RECORD: TypeAdapter[InboxRecord] = TypeAdapter(InboxRecord)
