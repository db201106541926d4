"""What an exporter is, and how text of events becomes a label or a tag that cannot do harm.

Decides the names and the cleaning that all exporters share. Refuses to know any sink.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from schemas.records import ClosedPeriod, Transition
from streams.engine.figures import Figure
from streams.settings import Settings
from streams.telemetry import Health, Telemetry

#: labels of ours; a dimension of the catalogue with such a name gets an underscore behind it
RESERVED = frozenset({"kpi", "window", "level", "rule", "tier", "job", "instance", "le", "quantile", "time"})
LONGEST = 160
COMPANY = "company"

Rank = Callable[[str], int]
Pairs = tuple[tuple[str, str], ...]


class Snapshot(NamedTuple):
    """What is true now, for exporters that are read: figures, (rule, scope, tier, since), the frontier."""

    figures: Iterable[Figure]
    tiers: Iterable[tuple[str, Mapping[str, str] | Pairs, str, int]]
    rank: Rank
    frontier_ms: int | None


class Succession(Protocol):
    """What an exporter may ask about whose figures count: a sink keeps what is written last, by whomever."""

    async def is_owner(self) -> bool:
        """Whether nobody else owned the figures until now; False where the broker does not say so."""
        ...

    async def write_again(self, periods: Sequence[ClosedPeriod]) -> None:
        """Ask whoever owns the figures to hand these over again; PlanwatchError where that cannot be said."""
        ...

    def closing(self, end_ms: int) -> Collection[str]:
        """The calendar windows whose period ends here: only such a figure is ever written anew."""
        ...


class Deps(NamedTuple):
    """What an exporter is given. `snapshot()` is None while this process is not the ready owner."""

    telemetry: Telemetry
    health: Health
    snapshot: Callable[[], Snapshot | None]
    succession: Succession


class Exporter(Protocol):
    """Takes figures and brings them to one sink. See `Exporters` for what each method promises."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self, deadline_s: float) -> None: ...

    def put(self, figures: Sequence[Figure], version: int) -> None: ...

    def put_transitions(self, transitions: Sequence[Transition], rank: Rank, version: int) -> None: ...

    def safe_version(self) -> int: ...

    def hand_over(self) -> None: ...

    async def settle(self, version: int) -> None: ...

    async def pace(self) -> None: ...

    def status(self) -> dict[str, object]: ...


class ExporterKind(NamedTuple):
    """One entry of the registry: `render` shows figures as the sink sees them (documents, golden tests)."""

    name: str
    enabled: Callable[[Settings], bool]
    make: Callable[[Settings, Deps], Exporter]
    render: Callable[[Sequence[Figure]], str]


def label_name(dimension: str) -> str:
    """The label of a dimension; a name that is ours already gets an underscore behind it.

    >>> label_name("region"), label_name("level")
    ('region', 'level_')
    """
    return f"{dimension}_" if dimension in RESERVED else dimension


def label_value(value: str) -> str:
    """A dimension value as a label: printable, not empty, at most 160 characters.

    What had to be changed gets a mark made from the original behind it, so that two values never share a
    label.

    >>> label_value("East"), label_value("")
    ('East', '(empty)')
    >>> label_value("a" + chr(10) + "b")
    'a·b~7e18f7'
    """
    if value.isprintable() and 0 < len(value) <= LONGEST:
        return value
    if not value:
        return "(empty)"
    mark = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    kept = "".join(char if char.isprintable() else "·" for char in value[: LONGEST - 7])
    return f"{kept}~{mark}"


def level_of(scope: Iterable[str]) -> str:
    """The level of a scope: its dimensions joined by `+`; the company has none of them.

    >>> level_of(("region", "channel")), level_of(())
    ('region+channel', 'company')
    """
    return "+".join(scope) or COMPANY
