"""Whether an event would be counted: asked of the reader that the workers use, before anything is sent."""

from typing import NamedTuple

from schemas.catalogue import Catalogue
from schemas.errors import InputError
from schemas.events import KINDS, kinds_of
from streams.engine.measure_read import EventReader
from streams.engine.measure_refusal import Fault
from streams.publish.outcome import UnusableError
from streams.settings import Settings


class Record(NamedTuple):
    """What is sent of an event."""

    topic: str
    key: bytes
    value: bytes


class Checked(NamedTuple):
    """An event that would be counted: when it occurred, and its record."""

    occurred_ms: int
    record: Record


class Checker:
    """Takes an event's bytes and gives its record; UnusableError with the remedy when it is refused.

    `topic` sends everything there instead of to each kind's own topic; InputError when it takes no events.
    """

    def __init__(
        self, catalogue: Catalogue, settings: Settings, now_ms: int, *, topic: str | None = None
    ) -> None:
        prefix = settings.kafka.prefix
        kinds = {kind.kind: kind for kind in (kinds_of(topic) if topic else KINDS.values())}
        if not kinds:
            known = sorted({f"{prefix}.{kind.topic}" for kind in KINDS.values()})
            raise InputError(f"topic {topic!r} takes no events", remedy=f"topics that do: {', '.join(known)}")
        self._kinds = kinds
        self._topics = {name: topic or f"{prefix}.{kind.topic}" for name, kind in kinds.items()}
        self._reader = EventReader(kinds.values(), catalogue, settings.measure.value_bytes)
        self._latest_ms = now_ms + catalogue.installation.future_limit.ms

    @property
    def topics(self) -> set[str]:
        """Every topic that may be sent to."""
        return set(self._topics.values())

    def __call__(self, value: bytes) -> Checked:
        """The record of one event."""
        event = self._reader.read_one(value)
        if isinstance(event, Fault):
            raise UnusableError(event.reason, field=event.field, value=event.value, remedy=event.remedy)
        occurred_ms: int = event["occurred_at"]
        if occurred_ms > self._latest_ms:
            remedy = "send events that have happened; is the date's format the one that the map says?"
            raise UnusableError("from_the_future", field="occurred_at", value=str(occurred_ms), remedy=remedy)
        kind = event["kind"]
        key = self._kinds[kind].partition_key(event).encode()
        return Checked(occurred_ms, Record(self._topics[kind], key, value))
