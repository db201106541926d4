"""What the suite's catalogue asks for, read from its YAML: where each KPI is written, and by which calendar.

Reads the files themselves and none of the product's models. A KPI is written in its own windows and those of
its rules, on its own levels and those of its rules, in every combination.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

CATALOGUE = Path(__file__).parents[1] / "catalogue"
DAY_MS = 86_400_000

#: the dimensions of a scope in the catalogue's order; () is the company
Level = tuple[str, ...]


class Cut(NamedTuple):
    """Where one KPI is written."""

    windows: frozenset[str]
    levels: frozenset[Level]


class Shape(NamedTuple):
    """What the oracle has to know of a catalogue.

    `expected` are values that count as there though they never sent anything. `constants` has what a rule
    holds a KPI against, by (KPI, window, level); `moving` are those whose expectation moves.
    """

    zone: ZoneInfo
    week_start: int
    keep_days_ms: int
    dimensions: tuple[str, ...]
    expected: dict[str, list[str]]
    cuts: dict[str, Cut]
    constants: dict[tuple[str, str, Level], float]
    moving: frozenset[tuple[str, str, Level]]


def read_shape(folder: Path = CATALOGUE) -> Shape:
    """The shape of the catalogue in this folder."""
    installation = _read(folder / "installation.yaml")
    dimensions = _read(folder / "dimensions.yaml")
    names = tuple(one["id"] for one in dimensions)
    rules = [_read(path) for path in sorted((folder / "rules").glob("*.yaml"))]
    asked = [(rule, place) for rule in rules for place in _places(rule, names)]
    return Shape(
        zone=ZoneInfo(installation["time_zone"]),
        week_start=installation["week_start"],
        keep_days_ms=int(installation["keep_days"].removesuffix("d")) * DAY_MS,
        dimensions=names,
        expected={one["id"]: one.get("expected", []) for one in dimensions},
        cuts={kpi["id"]: _cut(kpi, rules, names) for kpi in map(_read, (folder / "kpis").glob("*.yaml"))},
        constants={place: rule["expect"]["value"] for rule, place in asked if "value" in rule["expect"]},
        moving=frozenset(place for rule, place in asked if "value" not in rule["expect"]),
    )


def _read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def _places(rule: dict[str, Any], names: Level) -> Iterator[tuple[str, str, Level]]:
    for scope in rule["scopes"]:
        yield rule["kpi"], rule["window"], _level(scope, names)


def _cut(kpi: dict[str, Any], rules: list[dict[str, Any]], names: Level) -> Cut:
    mine = [rule for rule in rules if rule["kpi"] == kpi["id"]]
    windows = [*kpi["windows"], *(rule["window"] for rule in mine)]
    scopes = [*kpi["scopes"], *(scope for rule in mine for scope in rule["scopes"])]
    return Cut(frozenset(windows), frozenset(_level(scope, names) for scope in scopes))


def _level(scope: list[str], names: Level) -> Level:
    return tuple(name for name in names if name in scope)
