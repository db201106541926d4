"""Texts with `${column}` in them, and conditions on columns: the whole of a map's language.

Uses the standard library's `string.Template`, which can only put a value in a place: no attributes, calls
or formats.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from string import Template

from schemas.errors import InputError
from schemas.eventmap import Between, Condition, Scalar

Columns = Mapping[str, str]
Text = Callable[[Columns], str]
Holds = Callable[[Columns], bool]


class _ColumnTemplate(Template):
    """A column's name may hold anything but braces and dollar signs."""

    braceidpattern = r"[^{}$]+"


def names_in(text: Scalar) -> list[str]:
    """The columns that a text takes, in order; InputError when the text is not well formed.

    >>> names_in("order-${order number}-${@line}")
    ['order number', '@line']
    """
    if not isinstance(text, str):
        return []
    template = _ColumnTemplate(text)
    if not template.is_valid():
        raise InputError(
            f"{text!r} is not a text of the map", remedy="write ${column}, and $$ for a dollar sign"
        )
    return template.get_identifiers()


def column_shown(text: str) -> str:
    """A text as a person finds it in his file: the columns that it takes.

    >>> column_shown("${price}"), column_shown("${a}-${b}"), column_shown("7")
    ('price', 'a, b', '7')
    """
    return ", ".join(names_in(text)) or text


def compile_text(text: Scalar) -> Text:
    """The function that fills a text from a row's columns.

    >>> compile_text("order-${number}")({"number": "7"})
    'order-7'
    """
    names = names_in(text)
    template = _ColumnTemplate(str(text))
    if not names:
        constant = template.substitute()
        return lambda _: constant
    if str(text) == f"${{{names[0]}}}":
        name = names[0]
        return lambda columns: columns[name]
    return template.substitute


def compile_condition(condition: Condition) -> Holds:
    """The function that says whether a row meets every part of a condition; an empty one always holds.

    >>> holds = compile_condition({"line": Between(max=Decimal(97))})
    >>> holds({"line": "97"}), holds({"line": "98"}), holds({"line": ""})
    (True, False, False)
    """
    tests = [_test(name, wanted) for name, wanted in condition.items()]
    return lambda columns: all(test(columns) for test in tests)


def _test(name: str, wanted: Scalar | list[Scalar] | Between) -> Holds:
    if isinstance(wanted, Between):
        low, high = wanted.min, wanted.max

        def lies_between(columns: Columns) -> bool:
            value = decimal_of(columns[name])
            return value is not None and (low is None or low <= value) and (high is None or value <= high)

        return lies_between
    texts = {text_of(one) for one in (wanted if isinstance(wanted, list) else [wanted])}
    return lambda columns: columns[name] in texts


def text_of(value: Scalar) -> str:
    """A scalar of YAML as it would stand in a file: `true`, `1`, `Bikes`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def decimal_of(text: str) -> Decimal | None:
    """The finite number in a text; None when there is none.

    >>> decimal_of("34.9900"), decimal_of("9S"), decimal_of("NaN")
    (Decimal('34.9900'), None, None)
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and "_" not in text else None
