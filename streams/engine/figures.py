"""Figures: what a KPI is for a scope at a window's end, as exporters write it.

Holds values only; computes and decides nothing. A pane end may change hundreds of thousands of figures, so they
stay in numpy columns (`FigureBlock`) until somebody reads them one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

from streams.decisions.formula import Column

ScopeItems = tuple[tuple[str, str], ...]


class Figure(NamedTuple):
    """One value. `level`: "company" or the scope's dimensions joined by "+"; `scope` in the catalogue's order.

    `end_ms` is the exclusive end of the window; `expected` what a rule holds it against, None where none does.
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


@dataclass(frozen=True, slots=True)
class FigureBlock:
    """The figures of one KPI and window at one end: scopes, values and expectations side by side.

    Rows are in the order of their scopes. NaN in `expected` is no expectation; `values` holds no NaN.
    """

    kpi: str
    window: str
    end_ms: int
    scopes: Sequence[ScopeItems]
    values: Column
    expected: Column

    def __iter__(self) -> Iterator[Figure]:
        values, expected = self.values.tolist(), self.expected.tolist()
        for scope, value, hoped in zip(self.scopes, values, expected, strict=True):
            known = hoped if hoped == hoped else None
            yield Figure(self.kpi, self.window, level_of(scope), scope, self.end_ms, value, known)


class Figures(Sequence[Figure]):
    """A read-only list of figures that makes each only when it is read.

    >>> import numpy as np
    >>> block = FigureBlock("orders", "1h", 60_000, [()], np.array([3.0]), np.array([np.nan]))
    >>> list(Figures([block]))[0].value
    3.0
    """

    __slots__ = ("blocks",)

    def __init__(self, blocks: Sequence[FigureBlock] = ()) -> None:
        self.blocks = blocks

    def __len__(self) -> int:
        return sum(len(block.scopes) for block in self.blocks)

    def __iter__(self) -> Iterator[Figure]:
        for block in self.blocks:
            yield from block

    @overload
    def __getitem__(self, index: int) -> Figure: ...
    @overload
    def __getitem__(self, index: slice) -> list[Figure]: ...
    def __getitem__(self, index: int | slice) -> Figure | list[Figure]:
        return list(self)[index]
