"""Where a page listens that took a free port: a note in the data folder, from the worker to the commands.

A note says only where to ask; whether somebody answers there is for who asks. Refuses to ask.
"""

from contextlib import suppress
from pathlib import Path

_FOLDER = "ports"


def leave_note(data_dir: Path, stage: str, address: str) -> None:
    """Note the address of a stage's page. A disk that takes no note is no reason not to work."""
    with suppress(OSError):
        path = data_dir / _FOLDER / stage
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{address}\n", encoding="utf-8")


def read_note(data_dir: Path, stage: str) -> str:
    """The address that was noted last; empty if none was."""
    try:
        return (data_dir / _FOLDER / stage).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def remove_note(data_dir: Path, stage: str, address: str) -> None:
    """Take the note back, unless it is another worker's by now."""
    if read_note(data_dir, stage) == address:
        with suppress(OSError):
            (data_dir / _FOLDER / stage).unlink()
