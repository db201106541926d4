"""Which catalogue a command means: the one named, else the one of the settings, else the default."""

from pathlib import Path


def catalogue_folder(named: Path | None) -> Path:
    """The folder of the catalogue in force, unless another is named."""
    from streams.catalogue import default_folder
    from streams.settings import load_settings

    return named or load_settings().catalogue or default_folder()
