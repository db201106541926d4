"""The typed dictionaries that events are validated as, derived from the event models for one installation.

A dictionary costs half of what a model object does. Money, currency and dimensions, which the models leave
open, are filled in from the catalogue. Decides nothing about what a field may hold: that is in the models.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from types import NoneType
from typing import Annotated, Any, NamedTuple, NotRequired, get_args

import typing_extensions
from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, TypeAdapter
from pydantic.fields import FieldInfo

from schemas.catalogue import Catalogue
from schemas.events import KINDS, EventKind
from schemas.events._fields import CurrencyMark, DimensionsMark, DimensionValue, MoneyMark

Fields = dict[str, Any]

_CONFIG = ConfigDict(extra="forbid", strict=True)
# Types made from names known at run time, which the type checker cannot follow.
_typed_dict: Any = vars(typing_extensions)["TypedDict"]
_literal: Any = vars(typing_extensions)["Literal"]


class Terms(NamedTuple):
    """What an installation fills in: two catalogues with equal terms read events alike."""

    currency: str
    minor_digits: int
    dimensions: tuple[str, ...]


def terms_of(catalogue: Catalogue) -> Terms:
    """The catalogue's part in reading events."""
    installation = catalogue.installation
    return Terms(installation.currency, installation.minor_digits, catalogue.dimension_names)


@lru_cache(maxsize=64)
def adapter(kinds: tuple[str, ...], terms: Terms, *, many: bool) -> TypeAdapter[Any]:
    """The validator of one event of these kinds, or of a list of them."""
    types = [_event_type(KINDS[kind], terms) for kind in kinds]
    event: Any = types[0]
    for other in types[1:]:
        event = event | other
    if len(types) > 1:
        event = Annotated[event, Field(discriminator="kind")]
    return TypeAdapter(list[event] if many else event)


def _event_type(kind: EventKind, terms: Terms) -> Any:
    fields = {name: _field_type(info, terms) for name, info in kind.model.model_fields.items()}
    made = _typed_dict(kind.model.__name__, fields)
    made.__pydantic_config__ = _CONFIG
    return Annotated[made, AfterValidator(kind.model.derive)] if kind.model.DERIVED else made


def _field_type(info: FieldInfo, terms: Terms) -> Any:
    found = _filled_in(info, terms)
    if found is None:
        found = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    return found if info.is_required() else NotRequired[found]


def _filled_in(info: FieldInfo, terms: Terms) -> Any:
    """The installation's own type of a field that the models leave open; None for any other."""
    nullable = NoneType in get_args(info.annotation)
    for mark in _marks(info):
        if isinstance(mark, MoneyMark):
            return Annotated[int, PlainValidator(partial(mark.of_digits, digits=terms.minor_digits))]
        if isinstance(mark, CurrencyMark):
            code = _literal[terms.currency]
            return code | None if nullable else code
        if isinstance(mark, DimensionsMark):
            values = dict.fromkeys(terms.dimensions, NotRequired[DimensionValue | None])
            made = _typed_dict("Dimensions", values)
            made.__pydantic_config__ = _CONFIG
            return made
    return None


def _marks(info: FieldInfo) -> Iterator[Any]:
    yield from info.metadata
    for option in get_args(info.annotation):
        yield from getattr(option, "__metadata__", ())
