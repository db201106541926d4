"""The overview board: made from the catalogue, the same for the same catalogue, committed as it is made."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import Catalogue
from streams.board.overview import UID, levels, overview, windows
from streams.board.queries import fill, queries
from streams.catalogue import default_folder, load_catalogue

COMMITTED = Path(__file__).parents[2] / "deploy/grafana/dashboards/overview.json"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(default_folder())


@pytest.fixture(scope="module")
def text(catalogue: Catalogue) -> str:
    return overview(catalogue)


def _panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for panel in board["panels"] for one in (panel, *panel.get("panels", []))]


def test_committed_board_is_the_one_that_the_default_catalogue_makes(text: str) -> None:
    assert COMMITTED.read_text(encoding="utf-8") == text, (
        "make it again: planwatch board deploy/catalogue --out deploy/grafana/dashboards/overview.json"
    )


def test_board_has_a_fixed_uid_and_panels_of_their_own_ids(text: str) -> None:
    board = json.loads(text)
    ids = [panel["id"] for panel in _panels(board)]
    assert board["uid"] == UID
    assert len(set(ids)) == len(ids)


def test_board_shows_each_kpi_now_and_in_history(catalogue: Catalogue, text: str) -> None:
    asked = queries(text)
    for kpi in catalogue.kpis:
        assert any(q.datasource == "prometheus" and f'value{{kpi="{kpi}"' in q.text for q in asked), kpi
        assert any(q.datasource == "influxdb" and f'r.kpi == "{kpi}"' in q.text for q in asked), kpi


def test_board_asks_for_an_expectation_only_where_a_rule_has_one(text: str) -> None:
    expected = [query.text for query in queries(text) if "planwatch_kpi_expected" in query.text]
    assert any('kpi="revenue"' in query for query in expected)
    assert not any('kpi="units"' in query or 'kpi="bad_reviews"' in query for query in expected)


def test_board_panels_do_not_overlap_and_stay_within_the_grid(text: str) -> None:
    for panels in (
        json.loads(text)["panels"],
        *(p["panels"] for p in json.loads(text)["panels"] if "panels" in p),
    ):
        places = [panel["gridPos"] for panel in panels]
        cells = [
            (place["x"] + dx, place["y"] + dy)
            for place in places
            for dx in range(place["w"])
            for dy in range(place["h"])
        ]
        assert max(x for x, _ in cells) < 24 if cells else True
        assert len(set(cells)) == len(cells)


def test_board_keeps_the_ids_of_panels_when_a_kpi_is_added(catalogue: Catalogue, text: str) -> None:
    first = next(iter(catalogue.kpis.values()))
    added = first.model_copy(update={"id": "aaa_new"})
    more = catalogue.model_copy(update={"kpis": {"aaa_new": added, **catalogue.kpis}})
    before = {panel["id"] for panel in _panels(json.loads(text))}
    after = {panel["id"] for panel in _panels(json.loads(overview(more)))}
    assert before < after
    assert len(after) == len(before) + 2


def test_levels_and_windows_come_from_kpis_and_rules_coarse_to_fine(catalogue: Catalogue) -> None:
    assert levels(catalogue) == ["company", "region", "product_line", "channel", "region+product_line"]
    assert windows(catalogue) == ["5m", "1h", "24h", "7d", "day", "week", "month"]


def test_queries_fill_in_what_grafana_would(text: str) -> None:
    for query in queries(text, {"window": "1h", "region": "East|West", "v.defaultBucket": '"db/live"'}):
        assert "$window" not in query.text
        assert "${" not in query.text
        assert "v." not in query.text
    flux = next(q.text for q in queries(text, {"v.defaultBucket": '"db/live"'}) if q.datasource == "influxdb")
    assert flux.startswith('from(bucket: "db/live")')


def test_fill_leaves_what_it_does_not_know_of_flux_and_refuses_an_unknown_variable() -> None:
    assert fill("r.v1 == v.other", {}) == "r.v1 == v.other"
    with pytest.raises(KeyError):
        fill("$nobody", {})
