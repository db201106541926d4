"""The channels: one file of this folder each, found by the `CHANNEL` it defines; and how one is built.

A new kind of channel is a new file; the contract tests, `planwatch channels` and the dispatcher find it here.
"""

import importlib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.errors import ChannelError
from schemas.route import Channel
from streams.channels.port import ChannelPort, Deps

Port = ChannelPort[Any]


@cache
def kinds() -> dict[str, type[Port]]:
    """Every kind of channel by its name, which is its file's."""
    found: dict[str, type[Port]] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if not path.stem.startswith("_"):
            channel = getattr(importlib.import_module(f"{__name__}.{path.stem}"), "CHANNEL", None)
            if channel is not None:
                found[path.stem] = channel
    return found


def build(channel: Channel, deps: Deps) -> Port:
    """The configured channel; ChannelError names every option that is wrong, never its value."""
    kind = kinds().get(channel.kind)
    if kind is None:
        raise ChannelError(
            f"channel {channel.id}: there is no kind {channel.kind!r}",
            remedy=f"write one of {', '.join(kinds())}",
            retry=False,
        )
    try:
        options = kind.options_type.model_validate(channel.options)
    except ValidationError as error:
        wrong = [
            f"options.{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        remedy = f"an example: {kind.example}"
        raise ChannelError(f"channel {channel.id}: {'; '.join(wrong)}", remedy=remedy, retry=False) from None
    return kind(channel.id, options, deps)
