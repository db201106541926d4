"""The commands about the catalogue as they are called: what is printed, and with which exit code they end."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schemas.errors import CatalogueError, InputError
from streams.catalogue import default_folder, load_catalogue
from streams.cli.main import root

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs `planwatch WORDS…`; errors of ours come back as the result's exception."""
    return lambda *words: CliRunner().invoke(root(), [str(word) for word in words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_folder(), tmp_path / "catalogue"))


def _break(folder: Path) -> None:
    path = folder / "rules/conversion_down.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("kpi: conversion", "kpi: konversion"), encoding="utf-8"
    )


def test_check_of_a_good_catalogue_says_what_is_in_it(run: Run, folder: Path) -> None:
    done = run("catalogue", "check", folder)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{folder}: {len(load_catalogue(folder).kpis)} KPIs, ")


def test_check_of_a_broken_catalogue_prints_paths_that_an_editor_opens_and_ends_with_3(
    run: Run, folder: Path
) -> None:
    _break(folder)
    done = run("catalogue", "check", folder)
    assert done.exit_code == CatalogueError.exit_code == 3
    assert done.stdout == (
        f"{folder}/rules/conversion_down.yaml:3:6: unknown KPI 'konversion_ratio' "
        "— did you mean 'conversion_ratio'?\n"
    )
    assert done.stderr == "1 problem\n"


def test_check_of_no_folder_names_it_once(run: Run, tmp_path: Path) -> None:
    done = run("catalogue", "check", tmp_path / "nowhere")
    assert done.exit_code == 3
    assert done.stdout.startswith(f"{tmp_path}/nowhere:1:1: is not a folder — ")


def test_check_as_json_gives_each_problem_in_parts(run: Run, folder: Path) -> None:
    assert json.loads(run("catalogue", "check", folder, "--json").stdout)["problems"] == []
    _break(folder)
    done = run("catalogue", "check", folder, "--json")
    (problem,) = json.loads(done.stdout)["problems"]
    assert done.exit_code == 3
    assert (problem["file"], problem["line"], problem["column"]) == ("rules/conversion_down.yaml", 3, 6)


def test_check_looks_at_the_options_of_channels(run: Run, folder: Path) -> None:
    (folder / "channels.yaml").write_text("- {id: terminal, kind: terminal, options: {color: true}}\n")
    done = run("catalogue", "check", folder)
    assert done.exit_code == 3
    assert "channels.yaml:1:44: unknown key 'color' — did you mean 'colour'?" in done.stdout


def test_diff_of_equal_catalogues_is_empty_and_ends_with_0(run: Run, folder: Path) -> None:
    done = run("catalogue", "diff", default_folder(), folder)
    assert (done.exit_code, done.stdout) == (0, "")


def test_diff_of_different_catalogues_ends_with_1(run: Run, folder: Path) -> None:
    (folder / "rules/one_star_review.yaml").unlink()
    done = run("catalogue", "diff", default_folder(), folder)
    assert (done.exit_code, done.stdout) == (1, "- rules.one_star_review (A review of rating 1)\n")
    done = run("catalogue", "diff", default_folder(), folder, "--json")
    assert json.loads(done.stdout) == {"changes": ["- rules.one_star_review (A review of rating 1)"]}


def test_diff_with_a_broken_catalogue_is_an_error_with_its_problems(run: Run, folder: Path) -> None:
    _break(folder)
    done = run("catalogue", "diff", default_folder(), folder)
    assert isinstance(done.exception, CatalogueError)


def test_init_copies_a_catalogue_that_judges_and_does_not_send(run: Run, tmp_path: Path) -> None:
    done = run("init", tmp_path / "mine")
    made, default = load_catalogue(tmp_path / "mine"), load_catalogue(default_folder())
    assert done.exit_code == 0
    assert default.installation.live
    assert not made.installation.live
    assert made.rules == default.rules
    for step in ("catalogue check", "rules test", "PLANWATCH_CATALOGUE=", "live: true"):
        assert step in done.stdout


def test_init_takes_an_empty_folder_and_refuses_one_that_is_not(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("init", tmp_path / "empty").exit_code == 0
    done = run("init", tmp_path / "empty")
    assert isinstance(done.exception, InputError)
    assert "nothing is overwritten" in str(done.exception)


def test_init_refuses_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert isinstance(run("init", tmp_path / "file").exception, InputError)
    assert (tmp_path / "file").read_text() == "mine"


def test_board_is_printed_or_written(run: Run, folder: Path, tmp_path: Path) -> None:
    printed = run("board", folder)
    written = run("board", folder, "--out", tmp_path / "new/board.json")
    assert printed.exit_code == written.exit_code == 0
    assert (tmp_path / "new/board.json").read_text(encoding="utf-8") == printed.stdout
    assert json.loads(printed.stdout)["uid"] == "planwatch-overview"


def test_rules_test_shows_each_test_and_ends_with_0_when_all_pass(run: Run, folder: Path) -> None:
    done = run("rules", "test", folder, "--rule", "one_star_review")
    assert done.exit_code == 0
    assert done.stdout == (
        "one_star_review\n  ✓ a single one is yellow\n  ✓ none is quiet\n\n"
        "2 tests of 1 rules: 2 pass, 0 fail\n"
    )


def _edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_rules_test_shows_what_was_passed_instead_and_ends_with_1(run: Run, folder: Path) -> None:
    _edit(folder / "rules/one_star_review.yaml", "given: {one_star: 0}", "given: {one_star: 2}")
    done = run("rules", "test", folder, "--rule", "one_star_review")
    assert done.exit_code == 1
    assert "  ✗ none is quiet\n      expected none\n      passed   none → yellow\n" in done.stdout


def test_rules_test_says_why_a_test_cannot_run(run: Run, folder: Path) -> None:
    _edit(folder / "rules/refund_ratio_up.yaml", "order_lines", "average_order_value")
    done = run("rules", "test", folder, "--rule", "refund_ratio_up")
    assert done.exit_code == 1
    assert "'average_order_value' is no measure of refund_ratio — name one of: gross, returned" in done.stdout


def test_rules_test_as_json_gives_each_outcome(run: Run, folder: Path) -> None:
    done = run("rules", "test", folder, "--rule", "one_star_review", "--json")
    assert [(one["test"], one["passed"], one["tiers"]) for one in json.loads(done.stdout)] == [
        ("a single one is yellow", True, ["yellow"]),
        ("none is quiet", True, []),
    ]


def test_rules_test_refuses_a_rule_that_is_not_there(run: Run, folder: Path) -> None:
    done = run("rules", "test", folder, "--rule", "one_star")
    assert isinstance(done.exception, InputError)
    assert "did you mean 'one_star_review'?" in str(done.exception)
