"""What differs between two catalogues, in lines that a person reads."""

import shutil
from pathlib import Path

import pytest

from streams.catalogue import default_folder, diff, load_catalogue


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_folder(), tmp_path / "catalogue"))


def _diff(folder: Path) -> list[str]:
    return diff(load_catalogue(default_folder()), load_catalogue(folder))


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_equal_catalogues_have_no_changes(changed: Path) -> None:
    assert _diff(changed) == []


def test_changed_value_is_shown_with_both_values(changed: Path) -> None:
    _edit(changed / "rules/conversion_down.yaml", "enter: 0.90", "enter: 0.88")
    _edit(changed / "installation.yaml", "live: true", "live: false")
    _edit(changed / "dimensions.yaml", "limit: 20", "limit: 30")
    assert _diff(changed) == [
        "~ installation.live: True → False",
        "~ dimensions.channel.limit: 20 → 30",
        "~ rules.conversion_down.ladder.yellow.enter: 0.9 → 0.88",
    ]


def test_value_that_was_not_set_is_said_so(changed: Path) -> None:
    _edit(changed / "dimensions.yaml", "  limit: 20", "  limit: 20\n  parent: region")
    assert _diff(changed) == ["~ dimensions.channel.parent: not set → region"]


def test_added_and_removed_definitions_are_named_with_their_titles(changed: Path) -> None:
    (changed / "rules/one_star_review.yaml").unlink()
    text = (changed / "kpis/units.yaml").read_text(encoding="utf-8")
    (changed / "kpis/pieces.yaml").write_text(text.replace("id: units", "id: pieces"), encoding="utf-8")
    assert _diff(changed) == [
        "+ kpis.pieces (Units sold)",
        "- rules.one_star_review (A review of rating 1)",
    ]


def test_added_key_is_shown_with_its_value(changed: Path) -> None:
    _edit(changed / "people.yaml", "{terminal: duty}", "{}")
    assert _diff(changed) == ["- people.duty.contacts.terminal: duty"]


def test_order_of_dimensions_is_a_change(changed: Path) -> None:
    path = changed / "dimensions.yaml"
    head, region, product_line, channel = path.read_text(encoding="utf-8").split("- id: ")
    path.write_text("- id: ".join([head, product_line, region, channel]), encoding="utf-8")
    assert _diff(changed) == [
        "~ order of dimensions: region, product_line, channel → product_line, region, channel"
    ]


def test_list_is_shown_whole(changed: Path) -> None:
    _edit(changed / "kpis/units.yaml", "scopes: [[], [region], [product_line]", "scopes: [[], [product_line]")
    assert _diff(changed) == [
        "~ kpis.units.scopes: [[], [region], [product_line], [region, product_line]] "
        "→ [[], [product_line], [region, product_line]]"
    ]
