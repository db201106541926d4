"""`planwatch event`: what a producer is told."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.errors import InputError
from schemas.events import KINDS
from streams.cli._events import check_events, split_events
from streams.cli.event import app
from tests.measure_builders import START_MS, catalogue, encoded, order

RUN = CliRunner()
NOW = START_MS + 1000


def test_check_reports_each_event_that_would_not_be_counted(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    lines = [
        json.dumps(KINDS["order"].example),
        "",
        '{"kind": "ordr"}',
        json.dumps(KINDS["order"].example),
        "{",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    result = RUN.invoke(app, ["check", str(file)])
    assert result.exit_code == 1
    found = result.stdout.splitlines()
    assert found[0] == "3: unknown_kind: kind = ordr — did you mean order?"
    assert found[1] == "4: duplicate of line 1: counted once"
    assert found[2].startswith("5: not_json: { — ")
    assert "1 would be counted, 1 duplicate, 2 refused (1 order to …sales.v1)" in result.stderr


def test_check_of_good_events_ends_well_and_can_be_read_by_programs(tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_text(json.dumps([dict(kind.example) for kind in KINDS.values()], indent=1), encoding="utf-8")
    result = RUN.invoke(app, ["check", str(file), "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["kinds"] == dict.fromkeys(KINDS, 1)
    assert (report["counted"], report["refused"], report["duplicates"]) == (len(KINDS), [], [])


def test_check_reads_standard_input() -> None:
    result = RUN.invoke(app, ["check", "-", "--json"], input=b'{"kind": "visit"}')
    assert result.exit_code == 1
    [refused] = json.loads(result.stdout)["refused"]
    assert refused == {
        "line": 1,
        "reason": "missing_field",
        "field": "event_id",
        "value": "",
        "remedy": "add event_id (2 more to mend)",
    }


def test_check_knows_what_a_topic_takes() -> None:
    report = check_events(encoded(order()), catalogue(), "feedback.v1", NOW)
    assert [finding.fault.reason for finding in report.refused] == ["wrong_topic"]
    with pytest.raises(InputError, match="takes no events"):
        check_events(encoded(order()), catalogue(), "elsewhere.v1", NOW)


def test_check_refuses_what_lies_ahead() -> None:
    value = encoded(order(at=NOW + 5 * 60_000 + 1))
    assert [one.fault.reason for one in check_events(value, catalogue(), "", NOW).refused] == [
        "from_the_future"
    ]
    assert check_events(value, catalogue(), "", NOW + 1).refused == []


@pytest.mark.parametrize("text", [b"", b"\n \n", b"[]"])
def test_check_of_nothing_is_an_error(text: bytes) -> None:
    with pytest.raises(InputError, match="no event"):
        check_events(text, catalogue(), "", NOW)


def test_check_of_a_missing_file_is_an_error() -> None:
    assert isinstance(RUN.invoke(app, ["check", "no/such/file"]).exception, InputError)


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b'{"a":1}', [(1, b'{"a":1}')]),
        (b'\n{\n"a": 1\n}\n', [(2, b'{\n"a": 1\n}')]),
        (b'{"a":1}\r\n{"a":2}', [(1, b'{"a":1}'), (2, b'{"a":2}')]),
        (b'[\n{"a": 1.10},\n\n 2, "x"]', [(2, b'{"a": 1.10}'), (4, b"2"), (4, b'"x"')]),
        (b"17", [(1, b"17")]),
        (b"\xff\n{}", [(1, b"\xff"), (2, b"{}")]),
        (b"[1", [(1, b"[1")]),
    ],
)
def test_events_of_a_file_are_taken_as_they_were_written(
    text: bytes, events: list[tuple[int, bytes]]
) -> None:
    assert list(split_events(text)) == events


@pytest.mark.parametrize("kind", KINDS)
def test_example_and_schema_are_those_of_the_kind(kind: str) -> None:
    example = RUN.invoke(app, ["example", kind])
    assert json.loads(example.stdout) == KINDS[kind].example
    assert json.loads(RUN.invoke(app, ["schema", kind]).stdout) == KINDS[kind].json_schema()


def test_schema_of_every_kind_by_name() -> None:
    assert set(json.loads(RUN.invoke(app, ["schema"]).stdout)) == set(KINDS)


def test_schema_writes_a_file_for_each_kind(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["schema", "--write", str(tmp_path)])
    assert len(result.stdout.splitlines()) == len(KINDS)
    assert {path.stem for path in tmp_path.glob("*.json")} == set(KINDS)


@pytest.mark.parametrize(("name", "remedy"), [("ordre", "did you mean order?"), ("zzz", "kinds: ")])
def test_an_unknown_kind_is_an_error_with_its_remedy(name: str, remedy: str) -> None:
    error = RUN.invoke(app, ["example", name]).exception
    assert isinstance(error, InputError)
    assert remedy in error.remedy
