"""Points in time from the texts of a file: formats, times of day, zones, and times for rows that have none.

Every result has its offset. A local time that a change to summer time skips is read with the offset before
it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.errors import InputError
from schemas.eventmap import DateFormat, Moment, Spread
from streams.publish.outcome import UnusableError
from streams.publish.template import Columns, Holds, Text, column_shown, compile_condition, compile_text

_EPOCHS = {"epoch_s": 1000, "epoch_ms": 1}
_HAS_TIME = ("%H", "%I", "%c", "%X", "%T")


def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone of that name; InputError when there is none."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError) as error:
        raise InputError(f"{name!r} is not a time zone", remedy="write it as in `Asia/Shanghai`") from error


def compile_moment(moment: Moment, zone: str | None) -> Text:
    """The function that gives a row's point in time as RFC 3339; UnusableError when no format reads it."""
    date, clock = compile_text(moment.date), compile_text(moment.time)
    area = zone_of(moment.zone or zone)
    choose = _chooser(moment.formats)
    _check_offsets(moment, area)

    def read(columns: Columns) -> str:
        text, formats = date(columns), choose(columns)
        for form in formats:
            found = _parse(text, form, clock(columns), area)
            if found is not None:
                return found
        raise UnusableError(
            "is not a point in time that the map can read",
            field=column_shown(moment.date),
            value=text,
            remedy=f"write it as {' or '.join(formats)}, or add its format to the map",
        )

    return read


def _check_offsets(moment: Moment, area: ZoneInfo | None) -> None:
    forms = [form if isinstance(form, str) else form.format for form in moment.formats]
    local = [form for form in forms if form not in (*_EPOCHS, "iso") and "%z" not in form]
    if local and area is None:
        raise InputError(
            f"dates of format {local[0]!r} have no offset", remedy="give the map a `zone: Asia/Shanghai`"
        )


def _chooser(formats: list[str | DateFormat]) -> Callable[[Columns], list[str]]:
    """The formats that may read a row's date: the one whose condition holds, else all without condition."""
    conditional: list[tuple[Holds, list[str]]] = [
        (compile_condition(form.when), [form.format]) for form in formats if isinstance(form, DateFormat)
    ]
    free = [form for form in formats if isinstance(form, str)]

    def choose(columns: Columns) -> list[str]:
        return next((only for holds, only in conditional if holds(columns)), free)

    return choose


@lru_cache(maxsize=65_536)  # the dates of a file repeat, and strptime is the dearest step of a row
def _parse(text: str, form: str, clock: str, zone: ZoneInfo | None) -> str | None:
    try:
        found = _read(text, form, zone)
        if found.tzinfo is None and zone is None:
            return None
        if not _tells_time(text, form):
            found = datetime.combine(found.date(), time.fromisoformat(clock))
        return (found if found.tzinfo else found.replace(tzinfo=zone)).isoformat()
    except (ValueError, OverflowError):
        return None


def _read(text: str, form: str, zone: ZoneInfo | None) -> datetime:
    if form in _EPOCHS:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text) * _EPOCHS[form])
    if form == "iso":
        return datetime.fromisoformat(text)
    if "%z" in form:
        return datetime.strptime(text, form).astimezone(UTC)
    return datetime.strptime(text, form).replace(tzinfo=zone)


def _tells_time(text: str, form: str) -> bool:
    if form == "iso":
        return ":" in text or "T" in text
    return form in _EPOCHS or any(part in form for part in _HAS_TIME)


def compile_spread(spread: Spread, rows: Callable[[], int]) -> Text:
    """The function that gives row n its time; `rows` counts the rows of the file when `end` is given."""
    evenly = spread.spread
    if evenly.every is not None:
        step = timedelta(milliseconds=evenly.every.ms)
    else:
        assert evenly.end is not None
        step = (evenly.end - evenly.start) / max(rows(), 1)
    return lambda columns: (evenly.start + (int(columns["@row"]) - 1) * step).isoformat(
        timespec="milliseconds"
    )
