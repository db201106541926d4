"""Where the default catalogue is: beside the code in an installed wheel, under deploy/ in a source tree."""

from pathlib import Path

from schemas.errors import CatalogueError

_STREAMS = Path(__file__).resolve().parents[1]


def default_folder(streams: Path = _STREAMS) -> Path:
    """The folder of the default catalogue that belongs to this package; CatalogueError when there is none.

    `streams` is the package's folder: a wheel carries the catalogue in it, a source tree beside it.
    """
    for folder in (streams / "_default" / "catalogue", streams.parent / "deploy" / "catalogue"):
        if folder.is_dir():
            return folder
    raise CatalogueError(
        [f"{streams}: the default catalogue is missing — install planwatch again, or name a folder"]
    )
