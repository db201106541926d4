"""What differs between two catalogues, in lines a person can read."""

from collections.abc import Iterator
from typing import Any

from schemas.catalogue import Catalogue


def diff(old: Catalogue, new: Catalogue) -> list[str]:
    """The changes from one catalogue to another; empty when they say the same.

    Each line begins with `+` (added), `-` (removed) or `~` (changed) and names the place; an order that
    means something (ladder, dimensions) is a change too.
    """
    return list(
        _compare("", old.model_dump(mode="json", by_alias=True), new.model_dump(mode="json", by_alias=True))
    )


def _compare(place: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    before, after = _named(old), _named(new)
    if before is None or after is None:
        yield f"~ {place}: {_show(old)} → {_show(new)}"
        return
    for name in before:
        if name not in after:
            yield f"- {_join(place, name)}{_brief(before[name])}"
    for name, value in after.items():
        if name not in before:
            yield f"+ {_join(place, name)}{_brief(value)}"
        else:
            yield from _compare(_join(place, name), before[name], value)
    kept_before, kept_after = [n for n in before if n in after], [n for n in after if n in before]
    if isinstance(old, list) and kept_before != kept_after:
        yield f"~ order of {place}: {', '.join(kept_before)} → {', '.join(kept_after)}"


def _named(value: Any) -> dict[str, Any] | None:
    """A mapping, or a list of definitions by their id or name; None for anything else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        names = [item.get("id", item.get("name")) for item in value]
        if all(names) and len(set(names)) == len(names):
            return dict(zip(names, value, strict=True))
    return None


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        title = value.get("title")
        return f" ({title['en']})" if isinstance(title, dict) and "en" in title else ""
    return f": {_show(value)}"


def _show(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list):
        return f"[{', '.join(_show(item) for item in value)}]"
    return str(value)
