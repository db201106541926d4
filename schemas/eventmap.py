"""A map: how rows of somebody's files become events (`planwatch publish FILE… --map MAP.yaml`).

There is no expression language: a value is a text with `${column}` in it, or one named form (`lookup`,
`multiply`, `values`, `date`…) over such texts. A value that needs several steps is built in `columns`, from
top to bottom. What a map says is decided here; how it is carried out, in `streams/publish`.

Beside its own columns every row has `${@file}`, `${@line}` (line of the file, from 1) and `${@row}` (row
after the header, from 1).
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Discriminator, Field, Tag, model_validator

from schemas.base import Model, Name
from schemas.period import Duration

Scalar = bool | int | float | str
#: a text with `${column}` in it; `$$` is a dollar sign
Template = str


class Between(Model):
    """A closed range of numbers. One end may be open."""

    min: Decimal | None = None
    max: Decimal | None = None


#: every column named equals the value, is in the list, or lies in the range (what is no number does not)
Condition = dict[str, Scalar | list[Scalar] | Between]


class Integer(Model):
    """A whole number; the characters of `remove` are taken out first (`¥,`)."""

    integer: Template
    remove: str = ""


class Number(Model):
    """A decimal number, rounded half to even when `decimals` is given."""

    number: Template
    remove: str = ""
    decimals: int | None = Field(default=None, ge=0, le=12)


class Arithmetic(Model):
    """Exact decimal arithmetic over two or more numbers: exactly one of multiply, add, subtract."""

    multiply: list[Template] | None = Field(default=None, min_length=2)
    add: list[Template] | None = Field(default=None, min_length=2)
    subtract: list[Template] | None = Field(default=None, min_length=2)
    decimals: int | None = Field(default=None, ge=0, le=12, description="rounded half to even")

    @model_validator(mode="after")
    def _one_operation(self) -> "Arithmetic":
        if sum(operands is not None for operands in (self.multiply, self.add, self.subtract)) != 1:
            raise ValueError("give exactly one of multiply, add, subtract")
        return self


class Lookup(Model):
    """The column `take` of the row of a table whose key is `key`; a key that is not there refuses the row.

    With `missing` that value is taken instead.
    """

    lookup: Name
    key: Template
    take: str
    missing: str | None = None


class Values(Model):
    """One value for another (`values: {"1": 5, "0": 1}`); what is not listed is `otherwise`, or refused."""

    values: dict[str, Scalar] = Field(min_length=1)
    of: Template
    otherwise: Scalar | None = None


class InTurn(Model):
    """The values one after another, beginning again at the end: the same row has the same one each time."""

    in_turn: list[Scalar] = Field(min_length=1)


class DateFormat(Model):
    """A format of `date` that holds for the rows of `when` only, and is the only one that holds there."""

    format: str
    when: Condition


class Moment(Model):
    """A point in time from a text.

    `formats` are those of strptime, or `iso`, `epoch_s`, `epoch_ms`: the first whose condition holds, else
    the first without condition that can read the text. `time` is the time of day where a format has none;
    noon unless told otherwise, so that no zone moves it to another day. `zone` is that of the map unless
    told otherwise.
    """

    date: Template
    formats: list[str | DateFormat] = Field(default=["iso"], min_length=1)
    time: Template = "12:00"
    zone: str | None = None


class Evenly(Model):
    """From `start`, one row `every` so long, or all rows up to `end` (then a longer file moves its rows)."""

    start: AwareDatetime
    every: Duration | None = None
    end: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_step(self) -> "Evenly":
        if (self.every is None) == (self.end is None):
            raise ValueError("give either every or end")
        return self


class Spread(Model):
    """A time for rows that have none."""

    spread: Evenly


_FORMS = {
    **dict.fromkeys(("multiply", "add", "subtract"), "arithmetic"),
    **{name: name for name in ("integer", "number", "lookup", "values", "in_turn", "date", "spread")},
}


def _form(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((_FORMS[name] for name in value if name in _FORMS), None)
    return "plain" if isinstance(value, Scalar) else type(value).__name__.lower()


Value = Annotated[
    Annotated[Scalar, Tag("plain")]
    | Annotated[Integer, Tag("integer")]
    | Annotated[Number, Tag("number")]
    | Annotated[Arithmetic, Tag("arithmetic")]
    | Annotated[Lookup, Tag("lookup")]
    | Annotated[Values, Tag("values")]
    | Annotated[InTurn, Tag("in_turn")]
    | Annotated[Moment, Tag("date")]
    | Annotated[Spread, Tag("spread")],
    Discriminator(
        _form,
        custom_error_type="value_form",
        custom_error_message=f"a value is a text, a number, or one of the forms {', '.join(_FORMS)}",
    ),
]


class Table(Model):
    """A file that values are looked up in, named relative to the folder of the published file.

    Its header is the first row that has the key and every column taken. `transposed`: its columns are rows.
    A key that stands there again with other values is an error unless `repeated` says which row counts.
    """

    file: str
    key: str
    transposed: bool = False
    repeated: Literal["refuse", "first", "last"] = "refuse"
    encoding: str = "utf-8-sig"
    delimiter: str = Field(default=",", min_length=1, max_length=1)


class EventOf(Model):
    """The event that a row becomes. A field whose value is empty is left out."""

    when: Condition = Field(default_factory=dict)
    kind: Name
    event_id: Value
    occurred_at: Value
    fields: dict[Name, Value] = Field(default_factory=dict)
    dimensions: dict[Name, Value] = Field(default_factory=dict)
    attributes: dict[str, Value] = Field(default_factory=dict)


class FileMap(Model):
    """How one file is read. `header`: the column names of a file that has no row for them.

    Otherwise the header is the first row that holds every column the map names; what stands before is
    skipped, as are rows without any text and those that a condition of `skip` holds for: counted, not
    refused. Of `events` the first whose condition holds is taken; a row that none takes is refused.
    """

    encoding: str = "utf-8-sig"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: list[str] | None = None
    skip: list[Condition] = Field(default_factory=list)
    columns: dict[str, Value] = Field(default_factory=dict)
    events: list[EventOf] = Field(min_length=1)


class EventMap(Model):
    """A whole map: `files` are names or patterns (`Sales_*.csv`); the first that matches a file is its."""

    zone: str | None = None
    tables: dict[Name, Table] = Field(default_factory=dict)
    files: dict[str, FileMap] = Field(min_length=1)
