"""Figures: what a KPI is for a scope at a window's end, as exporters write it.

Holds values only; computes and decides nothing. A pane end may change hundreds of thousands of figures, so
they stay in numpy columns (`FigureBlock`) until somebody reads them one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from streams.decisions.formula import Column

ScopeItems = tuple[tuple[str, str], ...]


class Figure(NamedTuple):
    """One value. `level`: "company" or the scope's dimensions joined by "+"; `scope` in the catalogue's
    order.

    `end_ms` is the exclusive end of the window; `expected` what a rule holds it against, None where none
    does.
    """

    kpi: str
    window: str
    level: str
    scope: ScopeItems
    end_ms: int
    value: float
    expected: float | None


def level_of(scope: ScopeItems) -> str:
    """The level of a scope.

    >>> level_of((("region", "East"), ("channel", "web"))), level_of(())
    ('region+channel', 'company')
    """
    return "+".join(name for name, _ in scope) or "company"


#: window, level and scope of a figure
Label = tuple[str, str, ScopeItems]


@dataclass(frozen=True, slots=True)
class FigureBlock:
    """The figures of one KPI at one end: values and expectations beside the places of their labels.

    `at` are positions in `labels`, in the order of windows and scopes. `values` holds no NaN; NaN in
    `expected` (or None for the whole block) is no expectation.
    """

    kpi: str
    end_ms: int
    labels: Sequence[Label]
    at: npt.NDArray[np.int64]
    values: Column
    expected: Column | None = None

    def __len__(self) -> int:
        return len(self.at)

    def part(self, begin: int, most: int) -> "FigureBlock":
        """So many of its figures from here on."""
        at = slice(begin, begin + most)
        expected = None if self.expected is None else self.expected[at]
        return replace(self, at=self.at[at], values=self.values[at], expected=expected)

    def __iter__(self) -> Iterator[Figure]:
        kpi, end_ms, labels = self.kpi, self.end_ms, self.labels
        hopes = [None] * len(self.at) if self.expected is None else self.expected.tolist()
        for at, value, hope in zip(self.at.tolist(), self.values.tolist(), hopes, strict=True):
            window, level, scope = labels[at]
            yield Figure(kpi, window, level, scope, end_ms, value, hope if hope == hope else None)


class Figures(Sequence[Figure]):
    """A read-only list of figures that makes each only when it is read.

    >>> labels = [("1h", "company", ())]
    >>> block = FigureBlock("orders", 60_000, labels, np.array([0]), np.array([3.0]))
    >>> list(Figures([block]))[0].value
    3.0
    """

    __slots__ = ("blocks",)

    def __init__(self, blocks: Sequence[FigureBlock] = ()) -> None:
        self.blocks = blocks

    def __len__(self) -> int:
        return sum(len(block) for block in self.blocks)

    def __iter__(self) -> Iterator[Figure]:
        for block in self.blocks:
            yield from block

    def parts(self, most: int) -> "Iterator[Figures]":
        """The same figures in lists of at most so many; none at all where there are none.

        >>> labels = [("1h", "company", ())]
        >>> block = FigureBlock("orders", 60_000, labels, np.zeros(5, dtype=np.int64), np.arange(5.0))
        >>> [[figure.value for figure in part] for part in Figures([block, block]).parts(4)]
        [[0.0, 1.0, 2.0, 3.0], [4.0], [0.0, 1.0, 2.0, 3.0], [4.0]]
        """
        together: list[FigureBlock] = []
        for block in self.blocks:
            if together and sum(map(len, together)) + len(block) > most:
                yield Figures(together)
                together = []
            if len(block) <= most:
                together.append(block)
                continue
            yield from (Figures([block.part(at, most)]) for at in range(0, len(block), most))
        if together:
            yield Figures(together)

    @overload
    def __getitem__(self, index: int) -> Figure: ...
    @overload
    def __getitem__(self, index: slice) -> list[Figure]: ...
    def __getitem__(self, index: int | slice) -> Figure | list[Figure]:
        return list(self)[index]
