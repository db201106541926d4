"""The table that people read and the JSON that programs read: the same figures."""

import json
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.bench.figures import Figure, Figures
from tests.bench.sizes import all_sizes

_HEAD = ("figure", "median", "min..max", "unit", "must be", "")


def number(value: float) -> str:
    """Readable in a table: 81234 as 81,234, and small numbers with three digits.

    >>> number(81234.4), number(0.8512), number(12.345)
    ('81,234', '0.851', '12.3')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def wanted(figure: Figure) -> str:
    """What a figure must be, in words."""
    words = []
    if figure.at_least is not None:
        words.append(f"≥ {number(figure.at_least)}")
    if figure.below is not None:
        words.append(f"< {number(figure.below)}")
    if figure.aim is not None:
        words.append(f"(aim {number(figure.aim)})")
    return " ".join(words)


def row(figure: Figure) -> tuple[str, ...]:
    """A figure as the words of a table's row."""
    spread = f"{number(min(figure.runs))}..{number(max(figure.runs))}" if len(figure.runs) > 1 else ""
    outcome = {True: "reached", False: "MISSED", None: ""}[figure.reached]
    return figure.name, number(figure.median), spread, figure.unit, wanted(figure), outcome


def table(figures: Figures) -> Iterator[str]:
    """The lines of the table."""
    yield from _aligned([_HEAD, *map(row, figures.all)])
    for name, shares in figures.shares.items():
        yield ""
        yield name
        yield from _aligned(
            [(part, f"{share:.1%}", "█" * round(share * 50)) for part, share in shares.items()]
        )


def _aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()


def write_json(figures: Figures, path: Path) -> None:
    """The figures with all their runs, the sizes and the machine."""
    found = {
        "machine": {
            "cpus": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "sizes": all_sizes(),
        "figures": [
            {
                "name": one.name,
                "unit": one.unit,
                "median": one.median,
                "min": min(one.runs),
                "max": max(one.runs),
                "runs": one.runs,
                "at_least": one.at_least,
                "below": one.below,
                "aim": one.aim,
                "reached": one.reached,
            }
            for one in figures.all
        ],
        "shares": figures.shares,
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
