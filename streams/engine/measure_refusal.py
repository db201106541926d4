"""Why a record cannot be read, in words its sender understands: field, offending value, remedy.

Turns pydantic's errors into stable reasons. Decides nothing about what is valid: that is in the event models
(`schemas/events`) and the reader.
"""

import difflib
import json
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.events import KINDS
from schemas.refusal import RefusalReason as Reason

#: characters of a value or a field shown at most
SHOWN = 200
_MORE = 60
#: beyond so many errors they are not looked at one by one
_MOST = 200


class Fault(NamedTuple):
    """What is wrong with one value. `reason` is a name of `RefusalReason`; the rest is text for people."""

    reason: str
    field: str
    value: str
    remedy: str


class Refusal(NamedTuple):
    """A fault, with the offset of the record that has it."""

    offset: int
    reason: str
    field: str
    value: str
    remedy: str


_REASONS = {
    "missing": Reason.MISSING_FIELD,
    "extra_forbidden": Reason.UNKNOWN_FIELD,
    "literal_error": Reason.NOT_ALLOWED,
    "string_too_long": Reason.TOO_LONG,
    "string_too_short": Reason.EMPTY,
    "string_pattern_mismatch": Reason.BAD_CHARACTERS,
    "too_long": Reason.TOO_MANY_ATTRIBUTES,
    "greater_than_equal": Reason.OUT_OF_RANGE,
    "less_than_equal": Reason.OUT_OF_RANGE,
    "finite_number": Reason.BAD_NUMBER,
}
_REMEDIES = {
    Reason.TOMBSTONE: "send an event: a record without a value says nothing here",
    Reason.NOT_UTF8: "encode the JSON text as UTF-8",
    Reason.NOT_AN_OBJECT: "send one JSON object {…} a record; several events are several records",
    Reason.EMPTY: "leave the field out, or give it a value",
    Reason.TOO_MANY_ATTRIBUTES: "send at most 16 attributes",
    Reason.BAD_TIME: "write RFC 3339 with offset, 2026-11-22T10:00:00+08:00, or whole epoch milliseconds",
    Reason.NO_OFFSET: "add the offset from UTC: 2026-11-22T10:00:00+08:00, or Z for UTC",
    Reason.BEFORE_2000: "send milliseconds, not seconds, since 1970; events before 2000 are not taken",
    Reason.BAD_NUMBER: 'write digits and one decimal point, no separators, no exponent: 1299.50 or "1299.50"',
    Reason.NEGATIVE_AMOUNT: "send amounts as positive numbers; money given back is an event of kind refund",
    Reason.AMOUNT_TOO_LARGE: "send the amount in the currency's main unit; 10^13 smallest units is the most",
    Reason.BAD_CHARACTERS: "take out control characters",
    Reason.NOT_RATED: "give rating (1 to 5) or sentiment (positive, neutral, negative)",
    Reason.ANSWERED_BEFORE: "replied_to_at is when the answered event came, occurred_at when it was answered",
    Reason.NO_RECORD_TIME: "let the producer stamp its records with the time (CreateTime)",
}
_CUSTOM = {reason.value for reason in Reason}


def fault(reason: Reason, field: str, value: Any, remedy: str = "") -> Fault:
    """A fault with the usual remedy of its reason, unless another is given."""
    return Fault(reason.value, shown(field), shown(value), remedy or _REMEDIES[reason])


def shown(value: Any) -> str:
    r"""A value for people: one line, at most 200 characters, what cannot be printed escaped.

    >>> shown(b"caf\xe9"), shown("a\nb"), len(shown("x" * 1000))
    ('caf\\xe9', 'a\\nb', 200)
    """
    if isinstance(value, bytes):
        text = value[: SHOWN + 1].decode("utf-8", "backslashreplace")
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text[: SHOWN + 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def fault_of(
    error: ValidationError, value: bytes, kinds: tuple[str, ...], dimensions: tuple[str, ...]
) -> Fault:
    """The first thing that is wrong with this value; what else is wrong is counted in the remedy.

    `kinds`: those that its topic takes.
    """
    if error.error_count() > _MOST:
        remedy = f"{error.error_count()} things are wrong: is this an event?"
        return fault(Reason.UNKNOWN_FIELD, "", value, remedy)
    details = error.errors(include_url=False)
    first = details[0]
    if first["type"] == "json_invalid":
        return _not_json(first, value)
    if not first["loc"] and first["type"].startswith("union_tag"):
        return _wrong_kind(first, kinds)
    if not first["loc"]:
        return fault(Reason.NOT_AN_OBJECT, "", value)
    if first["loc"][0] not in kinds:
        return wrong_topic(str(first["loc"][0]))
    found = _field_fault(first, details, dimensions)
    others = len({one["loc"][:3] for one in details}) - 1
    return found._replace(remedy=found.remedy + (f" ({others} more to mend)" if others else ""))


def _not_json(detail: ErrorDetails, value: bytes) -> Fault:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        around = value[max(0, error.start - 20) : error.start + 20]
        return fault(Reason.NOT_UTF8, f"byte {error.start}", around)
    what = str(detail.get("ctx", {}).get("error", ""))
    if value.startswith(b"\xef\xbb\xbf"):
        what = "it begins with a byte order mark"
    return fault(Reason.NOT_JSON, "", value, f"send one JSON object a record; here: {what}")


def wrong_topic(kind: str) -> Fault:
    """The fault of an event that is well but in the wrong topic."""
    return fault(Reason.WRONG_TOPIC, "kind", kind, f"send {kind} events to the topic …{KINDS[kind].topic}")


def _wrong_kind(detail: ErrorDetails, kinds: tuple[str, ...]) -> Fault:
    if detail["type"] == "union_tag_not_found":
        return fault(Reason.MISSING_FIELD, "kind", "", f"say which kind it is: {_listed(kinds)}")
    kind = detail["input"].get("kind")
    close = difflib.get_close_matches(str(kind)[:_MORE], kinds, 1)
    remedy = f"did you mean {close[0]}?" if close else f"kinds here: {_listed(kinds)}"
    return fault(Reason.UNKNOWN_KIND, "kind", kind, remedy)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _field_fault(detail: ErrorDetails, details: list[ErrorDetails], dimensions: tuple[str, ...]) -> Fault:
    path = [str(part) for part in detail["loc"][1:]]
    name, value, kind = ".".join(path[:2]), detail["input"], detail["type"]
    if kind in _CUSTOM and kind not in _REASONS:
        return _custom(Reason(kind), name, detail)
    reason = _REASONS.get(kind, Reason.WRONG_TYPE)
    if path[:1] == ["attributes"] and len(path) > 1:
        return fault(reason, name, value, "attributes are short text, numbers, true, false or null")
    if reason is Reason.UNKNOWN_FIELD and path[:1] == ["dimensions"]:
        known = f"dimensions of the catalogue: {_listed(dimensions) or 'none'}"
        return fault(
            Reason.UNKNOWN_DIMENSION, name, value, f"leave it out or add it to the catalogue; {known}"
        )
    if reason is Reason.UNKNOWN_FIELD:
        return fault(reason, name, value, "leave it out, or put it under attributes")
    if reason is Reason.MISSING_FIELD:
        return fault(reason, name, "", _missing(name, details))
    if reason is Reason.NOT_ALLOWED and name == "currency":
        remedy = f"convert the amount: this installation counts in {_expected(detail)}"
        return fault(Reason.OTHER_CURRENCY, name, value, remedy)
    if reason is Reason.NOT_ALLOWED:
        return fault(reason, name, value, f"one of {_expected(detail)}")
    if reason in (Reason.TOO_LONG, Reason.OUT_OF_RANGE, Reason.WRONG_TYPE):
        return fault(reason, name, value, f"{name}: {_plain(detail)}")
    return fault(reason, name, value)


def _missing(name: str, details: list[ErrorDetails]) -> str:
    extra = [
        str(one["loc"][-1]) for one in details if one["type"] == "extra_forbidden" and len(one["loc"]) == 2
    ]
    close = difflib.get_close_matches(name, extra, 1)
    return f"add {name}" + (f"; is {shown(close[0])!r} meant to be it?" if close else "")


def _expected(detail: ErrorDetails) -> str:
    return str(detail.get("ctx", {}).get("expected", "")).replace("'", "")


_WORDS = {
    "int_type": "write a whole number, not text or a fraction",
    "int_from_float": "write a whole number, not text or a fraction",
    "string_type": 'write text in quotes: "…"',
    "dict_type": "write an object: {{…}}",
    "greater_than_equal": "write at least {ge}",
    "less_than_equal": "write at most {le}",
    "string_too_long": "write at most {max_length} characters",
}


def _plain(detail: ErrorDetails) -> str:
    """Pydantic's own words are about an input; the sender thinks of a field."""
    return _WORDS.get(detail["type"], "write it as the schema says").format(**detail.get("ctx", {}))


def _custom(reason: Reason, name: str, detail: ErrorDetails) -> Fault:
    """A field's own refusal; an event's (no field) names the field that it is about."""
    about = {Reason.NOT_RATED: "rating", Reason.ANSWERED_BEFORE: "replied_to_at"}
    field = name or about.get(reason, "")
    value = detail["input"]
    if not name and isinstance(value, dict):
        value = value.get(field, "")
    if reason in _REMEDIES:
        return fault(reason, field, value)
    return fault(reason, field, value, f"{field}: {detail['msg']}")
