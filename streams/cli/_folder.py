"""Which catalogue a command means, and which kinds of channels it may name."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.catalogue import ChannelKind


def catalogue_folder(named: Path | None) -> Path:
    """The folder of the catalogue in force, unless another is named."""
    from streams.catalogue import default_folder
    from streams.settings import load_settings

    return named or load_settings().catalogue or default_folder()


def channel_kinds() -> "dict[str, ChannelKind]":
    """The kinds of channels there are, for a check of channels.yaml."""
    from streams.catalogue import ChannelKind
    from streams.channels import kinds

    return {name: ChannelKind(kind.options_type, kind.shared) for name, kind in kinds().items()}
