"""Pydantic's errors in the words of the catalogue: the place in the file, the offending value, the remedy."""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from streams.catalogue.document import Part, Place
from streams.catalogue.problem import suggest


class Reason(NamedTuple):
    """Why a value cannot be used; `key`: the place is that of its key."""

    place: Place
    what: str
    remedy: str
    key: bool = False


def explain(model: type[BaseModel], raw: object, details: ErrorDetails) -> Reason:
    """One validation error of a model, about the value it was given."""
    location, context = details["loc"], details.get("ctx", {})
    place = _place(raw, location)
    match details["type"]:
        case "extra_forbidden":
            known = sorted(_keys(model, location[:-1]))
            return Reason(
                place, f"unknown key {location[-1]!r}", suggest(location[-1], known, plural="keys"), True
            )
        case "missing":
            return _missing(place, str(location[-1]))
        case "union_tag_not_found":
            return _missing(place, _discriminator(context))
        case "union_tag_invalid":
            return _choice((*place, _discriminator(context)), context["tag"], str(context["expected_tags"]))
        case "literal_error":
            return _choice(place, details["input"], str(context["expected"]).replace(" or ", ", "))
        case "string_pattern_mismatch":
            what = f"{_name(place)}: {show(details['input'])} has a wrong form"
            return Reason(place, what, f"write it so that it matches {context['pattern']}")
        case "value_error":
            return _own_words(place, raw, str(context["error"]))
    rule = details["msg"][0].lower() + details["msg"][1:]
    return Reason(place, f"{_name(place)}: got {show(details['input'])}", rule)


def show(value: object) -> str:
    """A value as people may have written it, cut to a line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _own_words(place: Place, raw: object, text: str) -> Reason:
    """What a model says itself; it may begin with the place that it is about: `ladder.red: …`."""
    named, _, rest = text.partition(": ")
    inner = (*place, *named.split("."))
    if not rest or _place(raw, inner) != inner:
        return Reason(place, f"{_name(place)}: {text}", "change the value")
    return Reason(inner, f"{_name(inner)}: {rest}", "change the value")


def _missing(place: Place, name: str) -> Reason:
    within = f" in {_name(place)}" if place else ""
    return Reason(place, f"{name!r} is missing{within}", f"add `{name}: …`", True)


def _choice(place: Place, value: object, expected: str) -> Reason:
    choices = [choice.strip().strip("'") for choice in expected.split(",")]
    what = f"{_name(place)}: {show(value)} is not a choice"
    return Reason(place, what, suggest(value, choices, plural="choices"))


def _discriminator(context: dict[str, Any]) -> str:
    return str(context["discriminator"]).split(" | ")[-1].strip("'")


def _name(place: Place) -> str:
    return ".".join(str(part) for part in place) or "the definition"


def _place(raw: object, location: Sequence[Part]) -> Place:
    """The part of a pydantic location that exists in the value: union tags and field types are left out."""
    place: list[Part] = []
    for part in location:
        inner = dict(enumerate(raw)) if isinstance(raw, list) else raw
        if isinstance(inner, dict) and part in inner:
            raw = inner[part]
            place.append(part)
    return tuple(place)


def _keys(model: type[BaseModel], location: Sequence[Part]) -> set[str]:
    """The keys that may stand at a location of a model."""
    nodes: list[Any] = [model]
    for part in location:
        nodes = [inner for node in nodes for inner in _step(node, part)]
    models = [node for node in nodes if isinstance(node, type) and issubclass(node, BaseModel)]
    return {field.alias or name for one in models for name, field in one.model_fields.items()}


def _step(node: Any, part: Part) -> Iterator[Any]:
    if isinstance(node, type) and issubclass(node, BaseModel):
        fields = {field.alias or name: field for name, field in node.model_fields.items()}
        if part in fields:
            yield from _members(fields[str(part)].annotation)
        elif any(part in get_args(field.annotation) for field in fields.values()):
            yield node  # the part is the tag of a union, and this is the member it stands for
    elif get_origin(node) in (list, dict):
        yield from _members(get_args(node)[-1])


def _members(annotation: Any) -> Iterator[Any]:
    """An annotation without Annotated and Union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    elif origin is not Literal and annotation is not type(None):
        yield annotation
