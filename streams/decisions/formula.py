"""What a KPI's `value` says: arithmetic over measure names, and nothing else.

Decides which expressions are allowed (`+ - * /`, parentheses, numbers, `min`, `max`, `abs`, measure names)
and computes them over whole columns at once. Values are in natural units; NaN is "no value". A division by
zero has no value, and whatever is computed from no value has none.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import FormulaError

Column = npt.NDArray[np.float64]
_Compute = Callable[[Mapping[str, Column]], Any]

_REMEDY = "write + - * /, parentheses, numbers, min, max, abs and names of measures"
_FUNCTIONS: dict[str, tuple[int, Any]] = {
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "abs": (1, np.absolute),
}


def _divide(one: Any, other: Any) -> Any:
    if isinstance(other, float):
        return one / (other or np.nan)
    return one / np.where(other == 0, np.nan, other)


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: _divide,
}


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read: its text, the measures it uses (sorted) and how it is computed."""

    text: str
    names: tuple[str, ...]
    plain: bool
    _compute: _Compute

    @property
    def divides(self) -> bool:
        """Whether it is a share or a rate, which says little about few events.

        >>> parse_formula("bad / everything", ["bad", "everything"]).divides
        True
        """
        return "/" in self.text

    def compute(self, columns: Mapping[str, Column]) -> Column:
        """The values, one per row, NaN where there is none; `columns` are the measures in natural units.

        FloatingPointError where a value is too large for a number.

        >>> ratio = parse_formula("bad / all_of_them", ["bad", "all_of_them"])
        >>> ratio.compute({"bad": np.array([1.0, 0.0]), "all_of_them": np.array([4.0, 0.0])})
        array([0.25,  nan])
        """
        with np.errstate(over="raise"):
            found: Column = self._compute(columns)
        return found


def parse_formula(text: str, measures: "list[str] | tuple[str, ...] | Mapping[str, Any]") -> Formula:
    """Read a formula over these measure names; FormulaError names the part that is wrong and what may stand.

    >>> parse_formula("gross - returned", ["gross", "returned"]).names
    ('gross', 'returned')
    >>> parse_formula("gross ** 2", ["gross"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    schemas.errors.FormulaError: formula 'gross ** 2': `gross ** 2` is not allowed — write ...
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"formula {text!r} cannot be read: {error}", remedy=_REMEDY) from error
    names: set[str] = set()
    compute = _read(tree, text, set(measures), names)
    if not names:
        raise FormulaError(f"formula {text!r} uses no measure", remedy=f"use one of: {_listed(measures)}")
    return Formula(text, tuple(sorted(names)), _is_sum(tree), compute)


def _read(node: ast.expr, text: str, measures: set[str], names: set[str]) -> _Compute:
    if isinstance(node, ast.Name):
        return _measure(node.id, text, measures, names)
    if isinstance(node, ast.Constant):
        return _number(node, text)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        operate = _OPERATORS[type(node.op)]
        left = _read(node.left, text, measures, names)
        right = _read(node.right, text, measures, names)
        return lambda columns: operate(left(columns), right(columns))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = _read(node.operand, text, measures, names)
        return inner if isinstance(node.op, ast.UAdd) else lambda columns: np.negative(inner(columns))
    if isinstance(node, ast.Call):
        return _call(node, text, measures, names)
    raise FormulaError(f"formula {text!r}: `{ast.unparse(node)}` is not allowed", remedy=_REMEDY)


def _measure(name: str, text: str, measures: set[str], names: set[str]) -> _Compute:
    if name not in measures:
        raise FormulaError(
            f"formula {text!r} names {name!r}, which is no measure of it",
            remedy=f"use one of: {_listed(measures)}",
        )
    names.add(name)
    return lambda columns: columns[name]


def _number(node: ast.Constant, text: str) -> _Compute:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FormulaError(f"formula {text!r}: {value!r} is not a number", remedy=_REMEDY)
    number = float(value)
    if not isfinite(number):
        raise FormulaError(f"formula {text!r}: {value!r} is too large", remedy="write a smaller number")
    return lambda columns: number


def _call(node: ast.Call, text: str, measures: set[str], names: set[str]) -> _Compute:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    count, function = _FUNCTIONS.get(name, (0, None))
    if function is None or node.keywords:
        raise FormulaError(f"formula {text!r} calls {name!r}, which is not allowed", remedy=_REMEDY)
    if len(node.args) != count:
        raise FormulaError(
            f"formula {text!r}: {name} takes {count} values, here {len(node.args)}",
            remedy=f"write {name}({', '.join('ab'[:count])})",
        )
    inner = [_read(argument, text, measures, names) for argument in node.args]
    return lambda columns: function(*(part(columns) for part in inner))


def _is_sum(node: ast.expr) -> bool:
    """Whether it only adds measures: it cannot fall while they grow."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and _is_sum(node.left) and _is_sum(node.right)
    return isinstance(node, ast.Name)


def _listed(measures: "set[str] | list[str] | tuple[str, ...] | Mapping[str, Any]") -> str:
    return ", ".join(sorted(measures))
