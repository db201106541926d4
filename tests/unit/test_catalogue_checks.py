"""Every mistake of a catalogue is named with file, line, column, value and remedy; all of them at once."""

import shutil
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from schemas.errors import CatalogueError
from streams.catalogue import ChannelKind, default_folder, find_problems, load_catalogue


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the default catalogue, to be broken."""
    return Path(shutil.copytree(default_folder(), tmp_path / "catalogue"))


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _problems(folder: Path) -> list[str]:
    return [str(problem) for problem in find_problems(folder)]


def test_default_catalogue_has_no_problem_and_a_stable_version(folder: Path) -> None:
    catalogue = load_catalogue(default_folder())
    assert find_problems(default_folder()) == []
    assert catalogue.version == load_catalogue(folder).version


def test_default_catalogue_resolves_money_to_the_installations_currency(folder: Path) -> None:
    _replace(folder / "installation.yaml", "currency: CNY", "currency: EUR")
    assert load_catalogue(folder).kpis["revenue"].unit == "EUR"


CASES = YAML(typ="safe").load(Path(__file__).with_name("catalogue_mistakes.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_mistake_is_reported_alone_with_place_and_remedy(folder: Path, case: dict[str, str]) -> None:
    path = folder / case["file"]
    _replace(path, case["old"], case["new"])
    before, after = path.read_text(encoding="utf-8").split("‸")
    path.write_text(before + after, encoding="utf-8")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert _problems(folder) == [f"{case['file']}:{line}:{column}: {case['report']}"]


def test_all_mistakes_are_reported_at_once_in_the_order_of_files_and_lines(folder: Path) -> None:
    _replace(folder / "installation.yaml", "Asia/Shanghai", "Mars/Olympus")
    _replace(folder / "kpis/units.yaml", "sum: quantity", "sum: weight")
    _replace(folder / "rules/conversion_down.yaml", "kpi: conversion_ratio", "kpi: conversions")
    _replace(folder / "rules/conversion_down.yaml", "bad: below", "bad: under")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(folder)
    assert [line.partition(": ")[0] for line in caught.value.problems] == [
        "installation.yaml:5:12",
        "kpis/units.yaml:6:30",
        "rules/conversion_down.yaml:7:6",
    ]


def test_definition_of_wrong_form_is_not_reported_again_where_it_is_used(folder: Path) -> None:
    _replace(folder / "kpis/conversion_ratio.yaml", "better: higher", "better: hihger")
    assert _problems(folder) == [
        "kpis/conversion_ratio.yaml:4:9: better: 'hihger' is not a choice — did you mean 'higher'?"
    ]


def test_definition_that_is_not_yaml_is_not_reported_again_where_it_is_used(folder: Path) -> None:
    (folder / "kpis/conversion_ratio.yaml").write_text("id: [\n")
    (folder / "kpis/orders.yaml").write_text("- a list\n")
    files = [problem.file for problem in find_problems(folder)]
    assert files == ["kpis/conversion_ratio.yaml", "kpis/orders.yaml"]


def test_parents_that_run_in_a_circle_are_reported(folder: Path) -> None:
    _replace(folder / "dimensions.yaml", "- id: region\n", "- id: region\n  parent: channel\n")
    _replace(folder / "dimensions.yaml", "- id: channel\n", "- id: channel\n  parent: region\n")
    assert _problems(folder) == [
        "dimensions.yaml:6:11: parents run in a circle: region → channel → region — remove one parent",
        "dimensions.yaml:13:11: parents run in a circle: channel → region → channel — remove one parent",
    ]


def test_dimension_named_like_a_label_is_refused(folder: Path) -> None:
    with (folder / "dimensions.yaml").open("a") as file:
        file.write("- id: window\n  title: {en: Window, zh: 窗口}\n")
    assert _problems(folder) == [
        "dimensions.yaml:14:7: dimension 'window' has the name of a label that every figure carries "
        "— choose another id"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{secret: abc}",
        "{bot_token: abc}",
        "{password: abc}",
        "{url: 'https://qyapi.example/cgi-bin/webhook/send?key=abc'}",
        "{url: 'https://user:abc@example.org/hook'}",
        "{headers: {api_key: abc}}",
    ],
)
def test_secret_in_a_file_is_refused_without_being_shown(folder: Path, line: str) -> None:
    _replace(folder / "channels.yaml", "kind: terminal", f"kind: terminal\n  options: {line}")
    (problem,) = find_problems(folder)
    assert problem.what.endswith("holds a secret")
    assert "abc" not in str(problem)


@pytest.mark.parametrize("line", ["{secret_env: WECOM_KEY}", "{url: 'https://example.org/hook?room=4'}"])
def test_name_of_a_secret_is_no_secret(folder: Path, line: str) -> None:
    _replace(folder / "channels.yaml", "kind: terminal", f"kind: terminal\n  options: {line}")
    assert "holds a secret" not in "".join(_problems(folder))


def test_file_that_nobody_would_read_is_reported(folder: Path) -> None:
    (folder / "kpi").mkdir()
    (folder / "channel.yaml").write_text("[]")
    (folder / "targets.yaml").write_text("[]")
    (folder / "rules/extra.yml").write_text("id: extra")
    (folder / "notes.md").write_text("people may write notes")
    assert _problems(folder) == [
        "channel.yaml:1:1: is not a part of a catalogue — did you mean 'channels.yaml'?",
        "kpi:1:1: is not a part of a catalogue — did you mean 'kpis'?",
        "rules/extra.yml:1:1: would not be read — rename it to extra.yaml or remove it",
        "targets.yaml:1:1: targets are not in this version — remove it; use `previous` or `constant`",
    ]


def test_missing_and_misshapen_files_are_reported(folder: Path) -> None:
    (folder / "people.yaml").unlink()
    (folder / "routes.yaml").write_text("[]\n")
    (folder / "tiers.yaml").write_text("blue: {}\n")
    said = _problems(folder)
    assert "people.yaml:1:1: is missing — copy it from the default catalogue: planwatch init DIR" in said
    assert "tiers.yaml:1:1: is not a list of definitions — begin each with `- id: …`" in said


def test_folder_that_is_not_there_is_one_problem(tmp_path: Path) -> None:
    where = tmp_path / "nowhere"
    remedy = "name a catalogue's folder, or make one: planwatch init DIR"
    assert _problems(where) == [f"{where}:1:1: is not a folder — {remedy}"]


def test_default_folder_of_a_wheel_lies_in_the_package(tmp_path: Path) -> None:
    inside = tmp_path / "streams/_default/catalogue"
    inside.mkdir(parents=True)
    assert default_folder(tmp_path / "streams") == inside


def test_default_folder_that_is_missing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="install planwatch again"):
        default_folder(tmp_path / "streams")


class _NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _MailOptions(_NoOptions):
    host: str


KINDS = {"terminal": ChannelKind(_NoOptions, True), "mail": ChannelKind(_MailOptions, False)}


def _with_kinds(folder: Path, line: str) -> list[str]:
    _replace(folder / "channels.yaml", "  kind: terminal\n", f"  {line}\n")
    return [str(problem) for problem in find_problems(folder, KINDS)]


def test_kind_of_channel_that_does_not_exist_is_reported(folder: Path) -> None:
    assert _with_kinds(folder, "kind: terminel") == [
        "channels.yaml:4:9: unknown kind of channel 'terminel' — did you mean 'terminal'?"
    ]


def test_option_that_a_channel_has_not_got_is_reported_at_its_place(folder: Path) -> None:
    report = _with_kinds(folder, "kind: mail\n  options: {hosts: smtp.example.org}")
    assert report[:2] == [
        "channels.yaml:5:3: 'host' is missing — add `host: …`",
        "channels.yaml:5:13: unknown key 'hosts' — did you mean 'host'?",
    ]


def test_person_who_cannot_be_reached_on_a_channel_is_reported(folder: Path) -> None:
    _replace(folder / "people.yaml", "{terminal: duty}", "{}")
    remedy = "write it in people.yaml: contacts: {terminal: …}"
    assert _with_kinds(folder, "kind: mail\n  options: {host: smtp.example.org}") == [
        f"routes.yaml:5:12: 'duty' has no contact on 'terminal' — {remedy}"
    ]


def test_channel_that_all_read_together_needs_no_contact(folder: Path) -> None:
    _replace(folder / "people.yaml", "{terminal: duty}", "{}")
    assert _with_kinds(folder, "kind: terminal") == []
