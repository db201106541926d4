"""A KPI or a rule is one file: everything else follows from it, and nothing else has to be touched."""

import json
import shutil
from pathlib import Path

import pytest

from schemas.catalogue import Catalogue
from streams.board.overview import overview
from streams.board.queries import queries
from streams.catalogue import default_folder, find_problems, load_catalogue
from streams.cells.layout import layout_of
from streams.engine.figures import Figure
from streams.engine.ruletest import run_rule_test
from streams.exporters import exporter_kinds

KPI = """
id: dearest_line
title: {en: Dearest order line, zh: 最高单行金额}
unit: currency
better: higher
measures:
  dearest: {event: order, max: amount}
value: dearest
dimensions: all
scopes: [[], [channel]]
windows: [1h, 24h]
"""
RULE = """
id: line_too_dear
title: {en: An order line too dear, zh: 单行金额过高}
kpi: dearest_line
window: 1h
on: update
expect: {from: constant, value: 100000}
compare: ratio
bad: above
scopes: [[channel]]
ladder:
  yellow: {enter: 1, exit: 0.9, hold: 0m}
tests:
  - name: a line of a million is yellow
    given: {dearest: 1000000}
    expect: [yellow]
  - name: a line of ten thousand is not
    given: {dearest: 10000}
    expect: []
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The default catalogue and two files more."""
    folder = Path(shutil.copytree(default_folder(), tmp_path / "catalogue"))
    (folder / "kpis/dearest_line.yaml").write_text(KPI, encoding="utf-8")
    (folder / "rules/line_too_dear.yaml").write_text(RULE, encoding="utf-8")
    assert find_problems(folder) == []
    return load_catalogue(folder)


def test_measure_of_a_new_kpi_is_in_the_layout_of_cells(catalogue: Catalogue) -> None:
    before, after = layout_of(load_catalogue(default_folder())), layout_of(catalogue)
    assert set(after.keys) - set(before.keys) == {"order.max.amount"}
    assert after.id != before.id


@pytest.mark.parametrize("sink", sorted(exporter_kinds()))
def test_new_kpi_has_its_label_or_tag_at_every_sink(sink: str, catalogue: Catalogue) -> None:
    kpi = catalogue.kpis["dearest_line"]
    figure = Figure(kpi.id, kpi.windows[0], "channel", (("channel", "store"),), 3_600_000, 1.5, None)
    text = exporter_kinds()[sink].render([figure])
    assert "dearest_line" in text
    assert "1.5" in text


def test_new_kpi_has_its_panels_with_title_and_unit(catalogue: Catalogue) -> None:
    board = json.loads(overview(catalogue))
    panels = [one for panel in board["panels"] for one in (panel, *panel.get("panels", []))]
    found = [panel for panel in panels if panel["title"] == "Dearest order line · 最高单行金额"]
    assert [panel["fieldConfig"]["defaults"]["unit"] for panel in found] == ["currencyCNY"] * 2
    asked = [query for query in queries(json.dumps(board)) if "dearest_line" in query.text]
    assert {query.datasource for query in asked} == {"prometheus", "influxdb"}
    assert any("planwatch_kpi_expected" in query.text for query in asked)


def test_tests_of_a_new_rule_run_on_the_engine(catalogue: Catalogue) -> None:
    rule = catalogue.rules["line_too_dear"]
    assert [run_rule_test(catalogue, rule, test).passed for test in rule.tests] == [True, True]
