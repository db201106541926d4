"""Which formulas are read, and what they compute over columns."""

import numpy as np
import pytest

from schemas.errors import FormulaError
from streams.decisions.formula import Formula, parse_formula

NAMES = ["a", "b", "c"]
COLUMNS = {
    "a": np.array([6.0, 1.0, np.nan, 0.0]),
    "b": np.array([3.0, 0.0, 2.0, 0.0]),
    "c": np.array([-1.0, 5.0, 4.0, 2.0]),
}
NONE = float("nan")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a", [6, 1, NONE, 0]),
        ("a + b - c", [10, -4, NONE, -2]),
        ("a / b", [2, NONE, NONE, NONE]),
        ("100 * (a - b) / c", [-300, 20, NONE, 0]),
        ("-a + +b", [-3, -1, NONE, 0]),
        ("min(a, c)", [-1, 1, NONE, 0]),
        ("max(a, c)", [6, 5, NONE, 2]),
        ("abs(c)", [1, 5, 4, 2]),
        ("min(9, b / b)", [1, NONE, 1, NONE]),
        ("a / 2", [3, 0.5, NONE, 0]),
        ("b / 0", [NONE, NONE, NONE, NONE]),
        ("1 / (b - b)", [NONE, NONE, NONE, NONE]),
        (" b ", [3, 0, 2, 0]),
    ],
)
def test_a_formula_is_computed_over_columns(text: str, values: list[float]) -> None:
    found = parse_formula(text, NAMES).compute(COLUMNS)
    np.testing.assert_array_equal(found, np.array(values, dtype=np.float64))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read"),
        ("a +", "cannot be read"),
        ("a; b", "cannot be read"),
        ("a ** b", "`a ** b` is not allowed"),
        ("a if b else c", "is not allowed"),
        ("a.real", "is not allowed"),
        ("a[0]", "is not allowed"),
        ("a // b", "is not allowed"),
        ("not a", "is not allowed"),
        ("a + 'x'", "'x' is not a number"),
        ("a + True", "True is not a number"),
        ("a + 1e999", "is too large"),
        ("__import__('os')", "calls '__import__'"),
        ("max(a, key=b)", "calls 'max'"),
        ("a.max(b)", "calls 'a.max'"),
        ("max(a)", "max takes 2 values, here 1"),
        ("abs(a, b)", "abs takes 1 values, here 2"),
        ("a + d", "names 'd', which is no measure"),
        ("1 + 2", "uses no measure"),
        ("(" * 300 + "a" + ")" * 300, "cannot be read"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(FormulaError, match="formula") as error:
        parse_formula(text, NAMES)
    assert said in str(error.value)
    assert error.value.remedy


def test_an_unknown_measure_is_answered_with_those_that_are_there() -> None:
    with pytest.raises(FormulaError) as error:
        parse_formula("a - x", NAMES)
    assert error.value.remedy == "use one of: a, b, c"


@pytest.mark.parametrize(
    ("text", "plain"),
    [("a", True), ("a + b + c", True), ("a - b", False), ("2 * a", False), ("max(a, b)", False)],
)
def test_a_formula_knows_whether_it_only_adds_measures(text: str, plain: bool) -> None:
    formula: Formula = parse_formula(text, NAMES)
    assert formula.plain is plain
