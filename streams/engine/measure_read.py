"""Reading event values: a whole poll with one call of the validator, one by one only where something is
wrong.

What one value means is defined by reading it alone (`EventReader.read_one`). Reading many at once is a faster
way to the same answers, and must not be fooled: values joined to one JSON list could borrow brackets and
quotes from each other, so that a list of the right length would hold other events than its values do. A
value is therefore joined only if it begins with `{`, ends with `}` and holds no `[`; the separator holds a
line break, which no JSON string may. Then a string cannot span two values (the line break is refused), an
object cannot (after a comma inside it a name must come, and `{` is none), a list cannot (there is none but
ours). So each value is one or more whole objects, and the right count says that each is exactly one.

JSON numbers are read as floats. Of at most 15 digits each names exactly one decimal; a value that may hold a
longer one is read alone, its money from the text itself.
"""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from pydantic import ValidationError

from schemas.catalogue import Catalogue
from schemas.events import KINDS, EventKind
from schemas.refusal import RefusalReason as Reason
from streams.engine.measure_refusal import Fault, fault, fault_of, wrong_topic
from streams.engine.measure_types import Fields, adapter, terms_of

#: a larger value is refused unless the setting says otherwise
VALUE_BYTES = 1_000_000

_CHUNK = 64
_OPEN, _CLOSE = b"{}"
_BETWEEN = b",\n"
#: every digit becomes 0 and E becomes e, so that a long number is found by looking for zeros
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x65 if byte == 0x45 else byte for byte in range(256))
#: of 16 digits, any number of money that is small enough has one of these forms
_LONG_NUMBERS = (b"00000.00000", b".000000000000", b"0000000000000000e")


class ReadBatch(NamedTuple):
    """Events and faults by the place of their value: `events[i]` is None exactly where `faults` has i."""

    events: list[Fields | None]
    faults: dict[int, Fault]


class EventReader:
    """Reads the values of a topic for one catalogue.

    An event is a dictionary of the fields that were sent, numbers as their stored integers, derived fields
    added. Raises nothing: what cannot be read is a `Fault`.
    """

    def __init__(
        self, kinds: Iterable[EventKind], catalogue: Catalogue, value_bytes: int = VALUE_BYTES
    ) -> None:
        names = tuple(kind.kind for kind in kinds)
        terms = terms_of(catalogue)
        self._kinds = names
        self._terms = terms
        self._value_bytes = value_bytes
        self._many = adapter(names, terms, many=True)
        self._one = adapter(tuple(KINDS), terms, many=False)

    def read(self, values: Sequence[bytes | None]) -> ReadBatch:
        """Read a poll's values. Any way of cutting a log into polls gives the same events and faults."""
        events = self._together(values)
        if events is not None:
            return ReadBatch(events, {})
        result: list[Fields | None] = []
        faults: dict[int, Fault] = {}
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            events = self._together(chunk)
            if events is None:
                reads = [self.read_one(value) for value in chunk]
                faults |= {start + at: read for at, read in enumerate(reads) if isinstance(read, Fault)}
                events = [None if isinstance(read, Fault) else read for read in reads]
            result += events
        return ReadBatch(result, faults)

    def read_one(self, value: bytes | None) -> Fields | Fault:
        """Read one value by itself."""
        if value is None:
            return fault(Reason.TOMBSTONE, "", "")
        if len(value) > self._value_bytes:
            remedy = f"send at most {self._value_bytes} bytes; large texts belong elsewhere"
            return fault(Reason.TOO_LARGE, "", f"{len(value)} bytes", remedy)
        try:
            event: Fields = self._one.validate_json(value)
        except ValidationError as error:
            return fault_of(error, value, self._kinds, self._terms.dimensions)
        kind = event["kind"]
        if kind not in self._kinds:
            return wrong_topic(kind)
        return self._inexact(event, value) or event

    def _together(self, values: Sequence[bytes | None]) -> list[Fields | None] | None:
        """The events of values that are all well; None when one may not be."""
        there = [value for value in values if value]
        if len(there) != len(values) or [v for v in there if v[0] != _OPEN or v[-1] != _CLOSE]:
            return None
        joined = _BETWEEN.join(there)
        if b"[" in joined or _may_hold_long_number(joined):
            return None
        if len(joined) > self._value_bytes and max(map(len, there)) > self._value_bytes:
            return None
        try:
            events: list[Fields | None] = self._many.validate_json(b"[" + joined + b"]")
        except ValidationError:
            return None
        return events if len(events) == len(values) else None

    def _inexact(self, event: Fields, value: bytes) -> Fault | None:
        """Refuse money whose text is not what its float stands for."""
        if not _may_hold_long_number(value):
            return None
        sent = json.loads(value, parse_float=Decimal)
        digits = self._terms.minor_digits
        for name, field in KINDS[event["kind"]].fields.items():
            number = sent.get(name) if field.money else None
            if isinstance(number, Decimal) and number != Decimal(event[name]).scaleb(-digits):
                remedy = f"{name}: has more than {digits} decimals"
                return fault(Reason.TOO_MANY_DECIMALS, name, str(number), remedy)
        return None


def _may_hold_long_number(text: bytes) -> bool:
    zeros = text.translate(_DIGITS)
    return any(form in zeros for form in _LONG_NUMBERS)
