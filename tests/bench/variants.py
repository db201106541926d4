"""Catalogues of a chosen size, made from the default one, for what growth costs.

The small one has 15 KPIs, written over two windows, and 10 rules. More KPIs are further figures of the same
measures, as a company's usually are (totals, rates and shares of what it counts already); `own_measures`
makes them the dearest kind instead, each with a condition of its own that every order is held against.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from schemas.catalogue import Catalogue
from streams.catalogue import load_catalogue

KPIS, RULES = 15, 10
SMALL_WINDOWS = "[1h, day]"
MORE_WINDOWS = '["5m", "1h", "24h", "7d", day, week, month, quarter]'
_ID = re.compile(r"^id: (\w+)", re.MULTILINE)
_WINDOWS = re.compile(r"^windows:.*\n?", re.MULTILINE)


def small(default: Path, folder: Path) -> Path:
    """The default catalogue with the first ten rules, their KPIs, and others up to fifteen."""
    shutil.copytree(default, folder)
    catalogue = load_catalogue(folder)
    rules = sorted(catalogue.rules)[:RULES]
    needed = _needed(catalogue, rules)
    kpis = [*sorted(needed), *sorted(set(catalogue.kpis) - needed)][:KPIS]
    for part, kept in (("rules", rules), ("kpis", kpis)):
        for path in _files(folder, part):
            if path.stem not in kept:
                path.unlink()
    return with_windows(folder, SMALL_WINDOWS)


def _needed(catalogue: Catalogue, rules: Iterable[str]) -> set[str]:
    """The KPIs that rules are about, or that their minimum counts."""
    found = set()
    for rule in map(catalogue.rules.__getitem__, rules):
        found |= {rule.kpi, *([rule.minimum.measure] if rule.minimum else [])}
    return found & set(catalogue.kpis)


def with_windows(folder: Path, windows: str) -> Path:
    """Every KPI written over these windows."""
    for path in _files(folder, "kpis"):
        text = _WINDOWS.sub("", path.read_text("utf-8"))
        path.write_text(f"{text.rstrip()}\nwindows: {windows}\n", "utf-8")
    return folder


def copied(small: Path, folder: Path, part: str, times: int) -> Path:
    """So many of each KPI (or rule) of a catalogue, under names of their own."""
    shutil.copytree(small, folder)
    for path in _files(folder, part):
        text = path.read_text("utf-8")
        for number in range(2, times + 1):
            copy = path.with_stem(f"{path.stem}_{number}")
            copy.write_text(_ID.sub(rf"id: \1_{number}", text, count=1), "utf-8")
    return folder


def own_measures(small: Path, folder: Path, count: int) -> Path:
    """So many more KPIs, each with a measure of orders that no other KPI has."""
    shutil.copytree(small, folder)
    for number in range(count):
        where = f"{{quantity: {{min: 1, max: {number + 3}}}}}"
        (folder / "kpis" / f"own_{number}.yaml").write_text(
            f"id: own_{number}\ntitle: {{en: Own {number}, zh: 自有{number}}}\nunit: currency\n"
            f"better: higher\nmeasures:\n  own: {{event: order, sum: amount, where: {where}}}\n"
            f"value: own\nwindows: {SMALL_WINDOWS}\n",
            "utf-8",
        )
    return folder


def widened(small: Path, folder: Path) -> Path:
    """Every KPI over four times as many windows."""
    shutil.copytree(small, folder)
    return with_windows(folder, MORE_WINDOWS)


def _files(folder: Path, part: str) -> list[Path]:
    return sorted((folder / part).glob("*.yaml"))
