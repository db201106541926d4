"""What can happen in a stage, typed: each is a log line and, where it says so, a counter.

Decides names, levels and labels. A label is a name of the catalogue, a topic, a partition, a channel or a
word of a fixed list; never an id, never text of an event. Anything else is a field of the line only.
A happening that may come often says `every_s`: the line is written once in that time, the count is exact.
"""

import logging
import re
from dataclasses import dataclass, fields
from typing import ClassVar

MEASURE, EVALUATE, RESPOND = "measure", "evaluate", "respond"
EVERYWHERE = (MEASURE, EVALUATE, RESPOND)

HAPPENINGS: list[type["Happening"]] = []


@dataclass(frozen=True)
class Happening:
    """The base: `counter` is the metric's name without `planwatch_` and `_total` (empty: a line only).

    `labels` are fields that become labels, `amount` is the field that says how many (empty: one).
    """

    level: ClassVar[int] = logging.INFO
    counter: ClassVar[str] = ""
    labels: ClassVar[tuple[str, ...]] = ()
    amount: ClassVar[str] = ""
    every_s: ClassVar[float] = 0.0
    stages: ClassVar[tuple[str, ...]] = EVERYWHERE

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        HAPPENINGS.append(cls)

    def fields(self) -> dict[str, object]:
        """The fields of the line, in order, without what is empty."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value not in ("", None)}


def name_of(kind: type[Happening]) -> str:
    """The happening's name in the log: `PointsRefused` is `points_refused`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


# ---- every stage -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WorkerStarted(Happening):
    """A stage's process has started."""

    version: str
    address: str


@dataclass(frozen=True)
class WorkerStopping(Happening):
    """A stage's process ends on purpose."""

    reason: str


@dataclass(frozen=True)
class WorkerFailed(Happening):
    """A stage's process ends because going on would be wrong."""

    level = logging.ERROR
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class PartitionsTaken(Happening):
    """This process now owns these partitions of a topic."""

    topic: str
    partitions: str


@dataclass(frozen=True)
class PartitionsGiven(Happening):
    """This process no longer owns these partitions of a topic."""

    topic: str
    partitions: str


@dataclass(frozen=True)
class StateRestored(Happening):
    """State was read back from its changelog."""

    topic: str
    partition: int
    rows: int
    seconds: float


@dataclass(frozen=True)
class RecordsLostUnread(Happening):
    """Records were deleted from the log before they were read."""

    level = logging.ERROR
    counter = "records_lost_unread"
    labels = ("topic", "partition")
    amount = "count"
    topic: str
    partition: int
    count: int


@dataclass(frozen=True)
class CatalogueAdopted(Happening):
    """From here on this catalogue is used."""

    counter = "catalogues_adopted"
    version: str
    kpis: int
    rules: int


@dataclass(frozen=True)
class ProgressStalled(Happening):
    """There is work and none of it gets done; the watchdog ends the process."""

    level = logging.ERROR
    topic: str
    partition: int
    seconds: float


@dataclass(frozen=True)
class ReasonChanged(Happening):
    """A reason why the stage is not ready, or not well, begins or ends."""

    level = logging.WARNING
    counter = "reasons_changed"
    labels = ("reason", "now")
    reason: str
    now: str
    text: str


@dataclass(frozen=True)
class ScrapeFailed(Happening):
    """A part of /metrics could not be read and was left out."""

    level = logging.ERROR
    counter = "scrapes_failed"
    labels = ("part",)
    every_s = 60.0
    part: str


@dataclass(frozen=True)
class PageFailed(Happening):
    """An answer of the stage's page could not be made."""

    level = logging.ERROR
    counter = "pages_failed"
    labels = ("path",)
    every_s = 60.0
    path: str


# ---- measure ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EventsRefused(Happening):
    """Events that cannot be counted went to the dead-letter topic; the first of them is shown."""

    level = logging.WARNING
    counter = "refusals"
    labels = ("topic", "reason")
    amount = "count"
    every_s = 10.0
    stages = (MEASURE,)
    topic: str
    reason: str
    count: int
    partition: int
    offset: int
    field: str
    value: str
    remedy: str


@dataclass(frozen=True)
class SourceFellIdle(Happening):
    """A source partition was read to its end and sends nothing."""

    stages = (MEASURE,)
    topic: str
    partition: int


@dataclass(frozen=True)
class SourceHeard(Happening):
    """A source partition that was idle sends again."""

    stages = (MEASURE,)
    topic: str
    partition: int


# ---- evaluate --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TierChanged(Happening):
    """A rule's tier at a scope changed by one rung."""

    counter = "transitions"
    labels = ("tier", "cause")
    stages = (EVALUATE,)
    rule: str
    scope: str
    tier: str
    previous: str
    cause: str
    end_ms: int
    silent: bool


@dataclass(frozen=True)
class PartSetAside(Happening):
    """A rule, KPI or card raised; it is left out and the others go on."""

    level = logging.ERROR
    counter = "parts_set_aside"
    labels = ("part",)
    every_s = 60.0
    part: str
    name: str
    problem: str


# ---- respond ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IncidentChanged(Happening):
    """An incident was opened, raised, lowered, acknowledged or resolved."""

    counter = "incidents"
    labels = ("change", "tier")
    stages = (RESPOND,)
    change: str
    tier: str
    incident: str
    rule: str
    scope: str


@dataclass(frozen=True)
class NoticeDone(Happening):
    """A notice was sent, failed or was dropped."""

    counter = "notices"
    labels = ("channel", "outcome")
    stages = (RESPOND,)
    channel: str
    outcome: str
    notice: str
    detail: str = ""


@dataclass(frozen=True)
class NoticeWithheld(Happening):
    """A notice was decided against, for a named reason."""

    counter = "notices_withheld"
    labels = ("reason",)
    every_s = 10.0
    stages = (RESPOND,)
    reason: str


# ---- sinks -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PointsWritten(Happening):
    """Points that a sink confirmed."""

    level = logging.DEBUG
    counter = "sink_written_points"
    labels = ("sink",)
    amount = "count"
    every_s = 10.0
    stages = (EVALUATE,)
    sink: str
    count: int


@dataclass(frozen=True)
class SinkFailed(Happening):
    """A request to a sink failed and is tried again."""

    level = logging.WARNING
    counter = "sink_retries"
    labels = ("sink", "cause")
    every_s = 30.0
    stages = (EVALUATE,)
    sink: str
    cause: str
    status: int
    text: str
    again_s: float


@dataclass(frozen=True)
class PointsRefused(Happening):
    """Points that a sink will never take were left out; one of them is shown."""

    level = logging.WARNING
    counter = "sink_refused_points"
    labels = ("sink", "reason")
    amount = "count"
    every_s = 1.0
    stages = (EVALUATE,)
    sink: str
    reason: str
    count: int
    line: str
    text: str


@dataclass(frozen=True)
class PointsSpilled(Happening):
    """Points went to the spill file because the sink does not take them."""

    level = logging.WARNING
    counter = "sink_spilled_points"
    labels = ("sink",)
    amount = "count"
    every_s = 30.0
    stages = (EVALUATE,)
    sink: str
    count: int


@dataclass(frozen=True)
class PointsReplayed(Happening):
    """Points of the spill file reached the sink."""

    counter = "sink_replayed_points"
    labels = ("sink",)
    amount = "count"
    every_s = 10.0
    stages = (EVALUATE,)
    sink: str
    count: int


@dataclass(frozen=True)
class FiguresAskedAgain(Happening):
    """Points of a former owner reached the sink: the owner was asked to write those closed periods again."""

    counter = "sink_asked_again_figures"
    labels = ("sink",)
    amount = "count"
    every_s = 10.0
    stages = (EVALUATE,)
    sink: str
    count: int


@dataclass(frozen=True)
class PointsDropped(Happening):
    """Points were given up, oldest first, because neither the sink nor the spill file takes them."""

    level = logging.ERROR
    counter = "sink_dropped_points"
    labels = ("sink", "reason")
    amount = "count"
    every_s = 10.0
    stages = (EVALUATE,)
    sink: str
    reason: str
    count: int
