"""What every event kind must have, by looking at whatever kinds there are."""

import json
from pathlib import Path

import jsonschema
import pytest

from schemas.events import KINDS, EventKind, kinds_of
from schemas.kpi import Measure
from schemas.refusal import RefusalReason
from streams.cells.fold import compile_fold
from streams.cells.layout import layout_for
from streams.engine.measure_read import EventReader
from streams.engine.measure_refusal import Fault
from streams.topics import INPUTS
from tests.measure_builders import catalogue

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "events"
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def read(kind: EventKind, event: dict[str, object]) -> dict[str, object] | Fault:
    return EventReader([kind], catalogue()).read_one(json.dumps(event).encode())


def own(kind: EventKind) -> dict[str, object]:
    """The example, in the dimensions of the tests."""
    return dict(kind.example) | {"dimensions": {"region": "East"}}


def test_every_file_is_a_kind() -> None:
    assert set(KINDS) == {path.stem for path in FOLDER.glob("[!_]*.py")}


@every_kind
def test_kind_names_itself(kind: EventKind) -> None:
    assert kind.example["kind"] == kind.kind
    assert read(kind, own(kind) | {"kind": kind.kind}) != read(kind, own(kind) | {"kind": "no"})


@every_kind
def test_topic_is_one_of_the_inputs_and_takes_the_kind(kind: EventKind) -> None:
    assert kind.topic in INPUTS
    assert kind in kinds_of(f"some.prefix.{kind.topic}")
    assert kind not in kinds_of("other.v1")


@every_kind
def test_example_is_read_with_all_its_fields(kind: EventKind) -> None:
    event = read(kind, own(kind))
    assert not isinstance(event, Fault), event
    assert set(event) == set(own(kind)) | set(kind.model.DERIVED)
    assert kind.model.model_validate_json(json.dumps(kind.example)).event_id == kind.example["event_id"]


@every_kind
def test_example_keeps_its_own_schema(kind: EventKind) -> None:
    schema = kind.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(dict(kind.example), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(dict(kind.example) | {"unheard_of": 1}, schema)


@every_kind
def test_every_required_field_is_missed(kind: EventKind) -> None:
    for name, info in kind.model.model_fields.items():
        if info.is_required() and name != "kind":
            wrong = read(kind, {field: value for field, value in own(kind).items() if field != name})
            assert isinstance(wrong, Fault)
            assert (wrong.reason, wrong.field) == (RefusalReason.MISSING_FIELD, name)


@every_kind
def test_event_of_required_fields_alone_is_read(kind: EventKind) -> None:
    required = {name for name, info in kind.model.model_fields.items() if info.is_required()}
    event = read(kind, {name: value for name, value in own(kind).items() if name in required | {"rating"}})
    assert not isinstance(event, Fault), event


@every_kind
def test_key_is_a_field_and_never_empty(kind: EventKind) -> None:
    assert kind.key in kind.model.model_fields
    assert kind.partition_key(kind.example) == kind.example[kind.key]
    assert kind.partition_key({"event_id": "e"}) == "e"


@every_kind
def test_titles_are_there_in_both_languages(kind: EventKind) -> None:
    assert kind.title.en
    assert any("\u4e00" <= letter <= "\u9fff" for letter in kind.title.zh)


@every_kind
def test_model_is_documented(kind: EventKind) -> None:
    assert kind.model.__doc__
    assert kind.json_schema()["description"] == kind.model.__doc__.replace("\n    ", "\n").strip()


@every_kind
def test_every_number_can_be_measured_in_every_way(kind: EventKind) -> None:
    numbers = [name for name, field in kind.fields.items() if field.number]
    measures = [Measure(event=kind.kind, **{how: name}) for name in numbers for how in ("sum", "min", "max")]
    layout = layout_for(measures, ())
    event = read(kind, own(kind))
    assert isinstance(event, dict)
    cell = list(layout.empty)
    compile_fold(layout, kind)(event, cell, 250)
    by_key = dict(zip(layout.keys, cell, strict=True))
    for name in numbers:
        value = 250 if name == "delay" else event[name]
        assert [by_key[f"{kind.kind}.{how}.{name}"] for how in ("sum", "min", "max")] == [value] * 3
