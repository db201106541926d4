"""What a measure may read of each event kind: its fields, which are numbers, and the values a choice has."""

from collections.abc import Mapping
from typing import NamedTuple


class EventField(NamedTuple):
    """One field of a kind; `choices` are its only values, empty when it is free."""

    number: bool
    choices: tuple[str, ...] = ()


_NUMBER, _TEXT = EventField(True), EventField(False)
_KINDS: dict[str, dict[str, EventField]] = {
    "order": {
        "order_id": _TEXT,
        "line": _NUMBER,
        "customer_id": _TEXT,
        "amount": _NUMBER,
        "quantity": _NUMBER,
        "discount": _NUMBER,
    },
    "refund": {"amount": _NUMBER, "reason": _TEXT, "order_id": _TEXT},
    "visit": {"step": EventField(False, ("exposure", "click", "cart", "checkout")), "count": _NUMBER},
    "review": {"rating": _NUMBER, "order_id": _TEXT},
    "complaint": {"category": _TEXT, "severity": _NUMBER},
    "survey": {"score": _NUMBER},
    "reply": {"waited": _NUMBER},
    "mention": {"platform": _TEXT, "polarity": _NUMBER, "reach": _NUMBER},
}


def event_kinds() -> Mapping[str, Mapping[str, EventField]]:
    """Every kind with the fields a measure may read; `delay` is a field of each."""
    return {kind: {**fields, "delay": _NUMBER} for kind, fields in _KINDS.items()}
