"""What every event carries, and how a kind is described by its file.

A kind's file defines `MODEL` (a subclass of `Event`), `TOPIC`, `KEY` (the field whose value is the Kafka
key), `TITLE` and `EXAMPLE`; the registry (`schemas/events/__init__.py`) reads nothing else of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from schemas.base import Model, Text
from schemas.events._fields import Attributes, DecimalMark, Dimensions, EventField, Id, Moment, MoneyMark

_COMMON = ("kind", "event_id", "occurred_at", "dimensions", "attributes")
_MOMENT = FieldInfo.from_annotation(Moment).metadata


class Event(Model):
    """One fact from upstream: the fields of every kind. Types are strict: "5" is not 5.

    `event_id` is the producer's own and stable: the same id again is the same event. `occurred_at` is when it
    happened, never when it was sent. `dimensions` are those of the catalogue; one that is missing or null
    counts under `unknown`. `attributes` are free and kept out of figures.
    """

    model_config = ConfigDict(strict=True)
    #: fields that `derive` adds
    DERIVED: ClassVar[Mapping[str, EventField]] = {}

    kind: str
    event_id: Id
    occurred_at: Moment
    dimensions: Dimensions = Field(default_factory=dict)
    attributes: Attributes = Field(default_factory=dict)

    @classmethod
    def derive(cls, event: dict[str, Any]) -> dict[str, Any]:
        """Add the derived fields to a validated event; refuse what no single field can tell."""
        return event

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        self.derive(dict(self))
        return self


@dataclass(frozen=True)
class EventKind:
    """One kind, as its file describes it."""

    kind: str
    model: type[Event]
    topic: str
    key: str
    title: Text
    example: Mapping[str, Any]

    def partition_key(self, event: Mapping[str, Any]) -> str:
        """The Kafka key of an event: its upstream entity, or its own id when it names none."""
        return str(event.get(self.key) or event["event_id"])

    @cached_property
    def fields(self) -> dict[str, EventField]:
        """The fields that a measure may read, derived ones and `delay` included."""
        own = {name: info for name, info in self.model.model_fields.items() if name not in _COMMON}
        described = {name: _describe(info) for name, info in own.items() if info.metadata != _MOMENT}
        return described | dict(self.model.DERIVED) | {"delay": EventField(True, scale=1000, derived=True)}

    def json_schema(self) -> dict[str, Any]:
        """What a producer may write, as JSON Schema (draft 2020-12)."""
        schema = self.model.model_json_schema()
        about = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"planwatch:event/{self.kind}",
        }
        return about | schema | {"title": self.title.en, "examples": [dict(self.example)]}


def _describe(info: FieldInfo) -> EventField:
    for mark in info.metadata:
        if isinstance(mark, MoneyMark):
            return EventField(True, money=True)
        if isinstance(mark, DecimalMark):
            return EventField(True, scale=10**mark.digits)
    annotation = info.annotation
    options = [one for one in get_args(annotation) if one is not NoneType]
    if get_origin(annotation) is Literal:
        return EventField(False, choices=tuple(map(str, options)))
    if options:
        return _describe(FieldInfo.from_annotation(options[0]))
    return EventField(annotation is int)
