"""The forms of a map's values, compiled: each becomes a function from a row's columns to one value.

Decimal arithmetic is exact; what cannot be worked out refuses the row with the field, the value and the
remedy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import reduce
from operator import add, mul, sub

from schemas.errors import InputError
from schemas.eventmap import (
    Arithmetic,
    Integer,
    InTurn,
    Lookup,
    Moment,
    Number,
    Scalar,
    Spread,
    Value,
    Values,
)
from streams.publish.moments import compile_moment, compile_spread
from streams.publish.outcome import UnusableError
from streams.publish.tables import Rows
from streams.publish.template import Columns, column_shown, compile_text, decimal_of, names_in, text_of

Result = Scalar | Decimal
Compiled = Callable[[Columns], Result]

#: digits of intermediate results: more than any amount of money has
_PRECISION = 60


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What values may refer to: the map's tables and zone, and the number of rows of their file."""

    tables: Mapping[str, Rows]
    zone: str | None
    rows: Callable[[], int]


def compile_value(value: Value, around: Surroundings) -> Compiled:
    """The function of one value; InputError when it names a table or a zone that is not there."""
    match value:
        case Integer():
            return _integer(value)
        case Number():
            return _number(value)
        case Arithmetic():
            return _arithmetic(value)
        case Lookup():
            return _lookup(value, around)
        case Values():
            return _values(value)
        case InTurn():
            return lambda columns: value.in_turn[(int(columns["@row"]) - 1) % len(value.in_turn)]
        case Moment():
            return compile_moment(value, around.zone)
        case Spread():
            return compile_spread(value, around.rows)
        case str():
            return compile_text(value)
        case _:
            return lambda _: value


def columns_of(value: Value) -> list[str]:
    """The columns that a value takes from its row."""
    match value:
        case Integer():
            texts: list[Scalar] = [value.integer]
        case Number():
            texts = [value.number]
        case Arithmetic():
            texts = [*_operands(value)[1]]
        case Lookup():
            texts = [value.key]
        case Values():
            texts = [value.of]
        case Moment():
            texts = [value.date, value.time]
        case str():
            texts = [value]
        case _:
            texts = []
    conditions = (
        [form.when for form in value.formats if not isinstance(form, str)]
        if isinstance(value, Moment)
        else []
    )
    return [name for text in texts for name in names_in(text)] + [name for one in conditions for name in one]


def _integer(value: Integer) -> Compiled:
    text, removed = compile_text(value.integer), _remover(value.remove)

    def read(columns: Columns) -> Result:
        written = text(columns)
        if not written:
            return ""
        number = decimal_of(removed(written))
        if number is None or number != number.to_integral_value() or abs(number) >= 2**63:
            remedy = "write digits only"
            raise UnusableError(
                "is not a whole number", field=column_shown(value.integer), value=written, remedy=remedy
            )
        return int(number)

    return read


def _number(value: Number) -> Compiled:
    text, removed = compile_text(value.number), _remover(value.remove)

    def read(columns: Columns) -> Result:
        written = text(columns)
        return (
            _rounded(_decimal(removed(written), column_shown(value.number)), value.decimals)
            if written
            else ""
        )

    return read


def _remover(characters: str) -> Callable[[str], str]:
    table = str.maketrans("", "", characters)
    return lambda text: text.translate(table)


def _decimal(text: str, field: str) -> Decimal:
    number = decimal_of(text)
    if number is None:
        remedy = "write digits with a point for the decimals"
        raise UnusableError("is not a number", field=field, value=text, remedy=remedy)
    return number


def _rounded(number: Decimal, decimals: int | None) -> Decimal:
    if decimals is None:
        return number
    with localcontext(prec=_PRECISION):
        return number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)


def _operands(value: Arithmetic) -> tuple[Callable[[Decimal, Decimal], Decimal], list[str]]:
    for operation, operands in ((mul, value.multiply), (add, value.add), (sub, value.subtract)):
        if operands is not None:
            return operation, operands
    raise InputError("arithmetic without multiply, add or subtract")


def _arithmetic(value: Arithmetic) -> Compiled:
    operation, operands = _operands(value)
    texts = [(compile_text(operand), column_shown(operand)) for operand in operands]

    def compute(columns: Columns) -> Result:
        with localcontext(prec=_PRECISION):
            return _rounded(
                reduce(operation, (_decimal(text(columns), of) for text, of in texts)), value.decimals
            )

    return compute


def _lookup(value: Lookup, around: Surroundings) -> Compiled:
    if value.lookup not in around.tables:
        known = ", ".join(sorted(around.tables)) or "none"
        raise InputError(f"lookup: there is no table {value.lookup!r}", remedy=f"tables of the map: {known}")
    rows, key, take = around.tables[value.lookup], compile_text(value.key), value.take

    def find(columns: Columns) -> Result:
        wanted = key(columns)
        row = rows.get(wanted)
        if row is not None and (row[take] or value.missing is None):
            return row[take]
        if value.missing is None:
            remedy = (
                f"mend the row, add the key to table {value.lookup}, or give the lookup a `missing` value"
            )
            reason = f"is not a key of table {value.lookup}"
            raise UnusableError(reason, field=column_shown(value.key), value=wanted, remedy=remedy)
        return value.missing

    return find


def _values(value: Values) -> Compiled:
    text, otherwise = compile_text(value.of), value.otherwise

    def choose(columns: Columns) -> Result:
        written = text(columns)
        chosen = value.values.get(written, otherwise)
        if chosen is None:
            remedy = f"write one of {', '.join(value.values)}, or give the map a value for it"
            raise UnusableError(
                "has no value in the map", field=column_shown(value.of), value=written, remedy=remedy
            )
        return chosen

    return choose


def as_text(result: Result) -> str:
    """A result as the text of a column that later values may take."""
    return f"{result:f}" if isinstance(result, Decimal) else text_of(result)


def as_json(result: Result) -> Scalar:
    """A result as the event holds it: a decimal as text, which is exact.

    >>> as_json(Decimal("34.990")), as_json(7)
    ('34.990', 7)
    """
    return f"{result:f}" if isinstance(result, Decimal) else result
