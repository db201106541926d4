"""Commands, found by their files: help that begins with an example, in good time; errors in one line."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.cli.main import command_names, load, summary

REPOSITORY = Path(__file__).resolve().parents[2]
#: the commands that work on the topics, files and pages of an installation
ADMINISTRATION = ("publish", "topics", "dlq", "doctor", "status", "rebuild", "audit", "events")


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command, or the commands of a group."""
    inner = getattr(command, "commands", None)
    if inner is not None:
        for word, one in inner.items():
            yield from leaves(f"{name} {word}", one)
    else:
        yield name, command


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if not name.startswith("PLANWATCH_")}
    return subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *arguments],
        cwd=REPOSITORY,
        env=env | settings,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_command_is_found_by_its_file(name: str) -> None:
    assert name in command_names()
    assert summary(name).endswith(".")


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_help_begins_with_an_example_of_the_command_itself(name: str) -> None:
    for path, command in leaves(name, load(name)):
        first = (command.help or "").partition("\n")[0]
        assert first.startswith(f"Example: planwatch {path}"), path


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_every_option_is_explained(name: str) -> None:
    for path, command in leaves(name, load(name)):
        for parameter in command.params:
            assert getattr(parameter, "help", ""), f"{path} {parameter.name}"


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_help_costs_less_than_a_second_of_work(name: str) -> None:
    quickest = min(_seconds_of_help(name) for _ in range(3))

    assert quickest < 1.0


def _seconds_of_help(name: str) -> float:
    """Of a processor: what others do on the machine meanwhile is not the command's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(name, "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(("publish", "none.csv"), 2, "no map is for none.csv", id="file without map"),
        pytest.param(("publish", "a.csv", "--map", "none.yaml"), 2, "none.yaml", id="map that is not there"),
        pytest.param(("topics", "plan"), 4, "127.0.0.1:1", id="no broker"),
        pytest.param(("dlq", "replay"), 2, "nothing is chosen", id="nothing to replay"),
        pytest.param(("dlq", "list"), 4, "127.0.0.1:1", id="no broker for dead letters"),
        pytest.param(("rebuild", "--yes"), 4, "127.0.0.1:1", id="no broker to rebuild on"),
        pytest.param(("audit",), 4, "127.0.0.1:1", id="no broker to audit"),
        pytest.param(("events",), 4, "127.0.0.1:1", id="no broker for events"),
        pytest.param(("events", "--kpi", "none"), 2, "no KPI 'none'", id="no such KPI"),
        pytest.param(("events", "--window", "2h"), 2, "'2h' is no window", id="no such window"),
        pytest.param(
            ("events", "--scope", "shop=1"), 2, "'shop=1' is no part of a scope", id="no such scope"
        ),
    ],
)
def test_error_is_one_line_on_stderr_with_its_exit_code(
    arguments: tuple[str, ...], code: int, told: str
) -> None:
    ports = {f"PLANWATCH_WEB__{stage}_PORT": "0" for stage in ("MEASURE", "EVALUATE", "RESPOND")}
    nowhere = {"PLANWATCH_KAFKA__BOOTSTRAP": "127.0.0.1:1", "PLANWATCH_KAFKA__REQUEST_TIMEOUT_S": "1"}

    done = run(*arguments, **nowhere, **ports)

    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == code, done.stderr
    assert last.startswith("planwatch: ")
    assert told in last
    assert " — " in last
    assert "Traceback" not in done.stderr


def test_doctor_without_a_broker_says_what_is_wrong_and_goes_on(tmp_path: Path) -> None:
    nowhere = {"PLANWATCH_KAFKA__BOOTSTRAP": "127.0.0.1:1", "PLANWATCH_KAFKA__REQUEST_TIMEOUT_S": "1"}

    done = run("doctor", "--json", PLANWATCH_DATA_DIR=str(tmp_path), **nowhere)

    assert done.returncode == 1
    checks = {check["subject"]: check for check in json.loads(done.stdout)["checks"]}
    assert not checks["broker"]["right"]
    assert "PLANWATCH_KAFKA__BOOTSTRAP" in checks["broker"]["remedy"]
    assert not checks["topics"]["right"]
    assert checks["influxdb"]["right"]


def test_status_without_a_worker_is_a_no_for_programs_too() -> None:
    ports = {f"PLANWATCH_WEB__{stage}_PORT": "1" for stage in ("MEASURE", "EVALUATE", "RESPOND")}

    done = run("status", "--json", **ports)

    assert done.returncode == 1
    stages = json.loads(done.stdout)
    assert {name: stage["ready"] for name, stage in stages.items()} == {
        "measure": False,
        "evaluate": False,
        "respond": False,
    }


def test_rebuild_only_explains_without_yes() -> None:
    done = run("rebuild", PLANWATCH_KAFKA__BOOTSTRAP="127.0.0.1:1")

    assert done.returncode == 0
    assert "planwatch.cells.v1" in done.stdout
    assert "Nothing was changed" in done.stdout
