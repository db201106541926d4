"""The types of event fields: what a producer may write, and the integer or text that is kept of it.

Times become epoch milliseconds; money becomes integers of the smallest unit and other decimals integers of a
fixed scale, exactly, through no binary fraction. Which currency and which dimensions there are is told by the
catalogue: `Money`, `Currency` and `Dimensions` are marks that a reader replaces by its installation's own
(`streams/engine/measure_read.py`).
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache, partial
from typing import Annotated, Any, NamedTuple

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from schemas.refusal import RefusalReason

#: 2000-01-01T00:00Z; what is older is epoch seconds, or a clock that was never set
EARLIEST_MS = 946_684_800_000
#: 3000-01-01T00:00Z
LATEST_MS = 32_503_680_000_000
#: money above this many smallest units in one event is a mistake
MOST_MINOR_UNITS = 10**13
ATTRIBUTES = 16

#: wide enough for any number that JSON can carry as a float
_EXACTLY = Context(prec=700)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_RFC_3339 = re.compile(
    r"(?P<minute>\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d:)(?P<second>[0-5]\d)(?:\.(?P<fraction>\d+))?"
    r"(?P<zone>[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
#: what was read lately: minute and zone → epoch ms, second with fraction → ms
_MEMORY = 65_536
_minutes: dict[str, int] = {}
_seconds: dict[str, int] = {}
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?", re.ASCII)


def refused(reason: RefusalReason, text: str) -> PydanticCustomError:
    """The error that a field validator raises: its type is the reason's name."""
    return PydanticCustomError(reason.value, text.replace("{", "{{").replace("}", "}}"))


def epoch_ms(value: Any) -> int:
    """The moment as milliseconds since 1970-01-01T00:00Z; parts of a millisecond are cut off.

    >>> epoch_ms("2026-11-22T10:00:00.1239+08:00"), epoch_ms(1795312800123)
    (1795312800123, 1795312800123)
    """
    if value.__class__ is str:
        zone = -1 if value[-1:] in "Zz" else -6
        minute = _minutes.get(value[:17] + value[zone:])
        second = _seconds.get(value[17:zone])
        return _read_time(value, zone) if minute is None or second is None else minute + second
    if value.__class__ is int:
        return _within_reach(value)
    raise refused(RefusalReason.BAD_TIME, "a time is RFC 3339 text with offset, or epoch milliseconds")


def _read_time(text: str, zone: int) -> int:
    """Read a time for the first time. Few minutes and seconds are read often: they are remembered."""
    parts = _RFC_3339.fullmatch(text)
    if not parts:
        raise _not_a_time(text)
    try:
        start = datetime.fromisoformat(f"{parts['minute']}00{parts['zone'].upper()}")
    except ValueError:
        raise _not_a_time(text) from None
    minute = _within_reach((start - _EPOCH) // _MS)
    second = int(parts["second"]) * 1000 + int(((parts["fraction"] or "") + "000")[:3])
    _remember(_minutes, text[:17] + text[zone:], minute)
    _remember(_seconds, text[17:zone], second)
    return minute + second


def _remember(memory: dict[str, int], key: str, known: int) -> None:
    if len(memory) >= _MEMORY:
        memory.clear()
    memory[key] = known


def _within_reach(ms: int) -> int:
    if EARLIEST_MS <= ms < LATEST_MS:
        return ms
    if ms < EARLIEST_MS:
        raise refused(RefusalReason.BEFORE_2000, "the time lies before the year 2000")
    raise refused(RefusalReason.FROM_THE_FUTURE, "the time lies beyond the year 3000")


def _not_a_time(text: str) -> PydanticCustomError:
    if _LOCAL.fullmatch(text):
        return refused(RefusalReason.NO_OFFSET, "the time has no offset from UTC")
    return refused(RefusalReason.BAD_TIME, "not a time of RFC 3339")


def scaled(value: Any, digits: int) -> int:
    """A decimal number or text as an integer of 10^-digits, exactly; refuses more decimals than that.

    A float stands for the shortest decimal that reads as it, which is what JSON carried; a reader looks
    itself at numbers of more than 15 digits, where that is not so.

    >>> scaled("19.9", 2), scaled(19.99, 2), scaled(20, 2)
    (1990, 1999, 2000)
    """
    kind = value.__class__
    if kind is str:
        return _scaled_text(value, digits)
    if kind is int:
        return int(value * 10**digits)
    if kind is not float:
        raise refused(RefusalReason.WRONG_TYPE, "should be a number, or a decimal number as text")
    if -1e15 < value < 1e15:
        scale: int = 10**digits
        units = round(float(value) * scale)
        if units / scale == value:
            return units
    return _exact(_decimal(repr(value)), digits)


@lru_cache(maxsize=16_384)
def _scaled_text(text: str, digits: int) -> int:
    """Few prices are read often."""
    if not _NUMBER.fullmatch(text):
        raise refused(RefusalReason.BAD_NUMBER, "a decimal text has digits and one point, nothing else")
    return _exact(Decimal(text), digits)


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if number.is_finite():
        return number
    raise refused(RefusalReason.BAD_NUMBER, "NaN and Infinity are no numbers")


def _exact(number: Decimal, digits: int) -> int:
    units = _EXACTLY.multiply(number, Decimal(10**digits))
    whole = int(units)
    if whole == units:
        return whole
    raise refused(RefusalReason.TOO_MANY_DECIMALS, f"round it to {digits} decimals before sending")


def rounded(value: Any, digits: int) -> int:
    """A decimal number or text as an integer of 10^-digits, further decimals rounded half to even.

    >>> rounded(-0.87654321, 6), rounded("0.5", 6)
    (-876543, 500000)
    """
    kind = value.__class__
    if kind is int:
        return int(value * 10**digits)
    if kind is float or (kind is str and _NUMBER.fullmatch(value)):
        number = _decimal(value if kind is str else repr(value))
        return int(_EXACTLY.multiply(number, Decimal(10**digits)).to_integral_value(ROUND_HALF_EVEN))
    if kind is str:
        raise refused(RefusalReason.BAD_NUMBER, "a decimal text has digits and one point, nothing else")
    raise refused(RefusalReason.WRONG_TYPE, "should be a number, or a decimal number as text")


def minor_units(value: Any, digits: int) -> int:
    """Money in smallest units of a currency with so many decimals: not negative, at most 10^13.

    >>> minor_units("19.99", 2)
    1999
    """
    units = scaled(value, digits)
    if 0 <= units <= MOST_MINOR_UNITS:
        return units
    if units < 0:
        raise refused(RefusalReason.NEGATIVE_AMOUNT, "an amount is not negative")
    raise refused(RefusalReason.AMOUNT_TOO_LARGE, "more than 10^13 smallest units in one event")


def optional_minor_units(value: Any, digits: int) -> int:
    """As `minor_units`; null is no money.

    >>> optional_minor_units(None, 2)
    0
    """
    return 0 if value is None else minor_units(value, digits)


def _between(value: Any, digits: int, low: int, high: int) -> int:
    units = rounded(value, digits)
    if low <= units <= high:
        return units
    raise refused(
        RefusalReason.OUT_OF_RANGE, f"should lie between {low / 10**digits:g} and {high / 10**digits:g}"
    )


class _Mark:
    """A mark that validates by itself, and that a reader recognises by its class."""

    json_schema: dict[str, Any]

    def __init__(self, validate: Callable[[Any], Any]) -> None:
        self.validate = validate

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.json_schema)


_DECIMAL_TEXT = {"type": "string", "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$"}


class MoneyMark(_Mark):
    """Money; `optional`: null is none. By itself it validates with four decimals, the most there are."""

    def __init__(self, *, optional: bool = False) -> None:
        self.of_digits = optional_minor_units if optional else minor_units
        super().__init__(partial(self.of_digits, digits=4))
        kinds: list[dict[str, Any]] = [{"type": "number", "minimum": 0}, _DECIMAL_TEXT]
        self.json_schema = {"anyOf": [*kinds, {"type": "null"}] if optional else kinds}


class DecimalMark(_Mark):
    """A decimal between two bounds, kept as an integer of 10^-digits."""

    def __init__(self, digits: int, low: int, high: int) -> None:
        self.digits = digits
        scale = 10**digits
        super().__init__(partial(_between, digits=digits, low=low * scale, high=high * scale))
        text = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}
        self.json_schema = {"anyOf": [{"type": "number", "minimum": low, "maximum": high}, text]}


class CurrencyMark:
    """The currency's ISO 4217 code; a reader takes only its installation's."""


class DimensionsMark:
    """Dimension name → value; a reader takes only the names of its catalogue."""


class EventField(NamedTuple):
    """What a measure may do with a field.

    `number`: it can be summed. `scale`: stored integers per natural unit; of money it is the installation's.
    `choices`: its only values, empty when it is free. `derived`: computed from other fields, never sent.
    """

    number: bool
    scale: int = 1
    money: bool = False
    choices: tuple[str, ...] = ()
    derived: bool = False


_TIME_SCHEMA = {
    "anyOf": [
        {"type": "string", "format": "date-time", "description": "RFC 3339 with offset from UTC"},
        {"type": "integer", "minimum": EARLIEST_MS, "description": "milliseconds since 1970-01-01T00:00Z"},
    ]
}

Id = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(min_length=1, max_length=100)]
LongText = Annotated[str, Field(max_length=10_000)]
Quantity = Annotated[int, Field(ge=0, le=10**9)]
Moment = Annotated[int, PlainValidator(epoch_ms), WithJsonSchema(_TIME_SCHEMA)]
Money = Annotated[int, MoneyMark()]
OptionalMoney = Annotated[int, MoneyMark(optional=True)]
Polarity = Annotated[int, DecimalMark(6, -1, 1)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$"), CurrencyMark()]
DimensionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
DimensionValue = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Dimensions = Annotated[dict[DimensionName, DimensionValue | None], DimensionsMark()]
AttributeName = Annotated[str, Field(min_length=1, max_length=64)]
AttributeValue = (
    Annotated[str, Field(max_length=500)] | int | Annotated[float, Field(allow_inf_nan=False)] | bool | None
)
Attributes = Annotated[dict[AttributeName, AttributeValue], Field(max_length=ATTRIBUTES)]
