"""Make a catalogue of your own: `planwatch init DIR` copies the default one, judging but not yet sending.

Refuses a folder that already holds something.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

_LIVE = re.compile(r"^live: true\b", re.MULTILINE)


def command(
    folder: Annotated[Path, typer.Argument(help="a folder that does not exist yet, or is empty")],
) -> None:
    """Example: planwatch init my-company

    Copies the default catalogue into DIR with `live: false`: every rule is judged and recorded, nothing is
    sent until you say `live: true`.
    """
    from streams.catalogue import default_folder

    written = copy_catalogue(default_folder(), folder)
    typer.echo(f"{folder}: {written} files written. Nothing is sent to anybody until you want it. Next:")
    for number, step in enumerate(_next_steps(folder), 1):
        typer.echo(f"  {number}. {step}")


def copy_catalogue(default: Path, folder: Path) -> int:
    """Copy a catalogue to a new folder with `live: false`; how many files. InputError if it is not empty."""
    from schemas.errors import InputError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} already exists and is not empty", remedy="name a new folder: nothing is overwritten"
        )
    sources = sorted(path for path in default.rglob("*") if path.is_file())
    for source in sources:
        target = folder / source.relative_to(default)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        target.write_text(
            _LIVE.sub("live: false", text) if source.name == "installation.yaml" else text, encoding="utf-8"
        )
    return len(sources)


def _next_steps(folder: Path) -> list[str]:
    return [
        f"edit {folder}/installation.yaml: title, currency, time_zone",
        f"edit {folder}/people.yaml, channels.yaml and routes.yaml: who is told, and where",
        f"planwatch catalogue check {folder}",
        f"planwatch rules test {folder}",
        f"PLANWATCH_CATALOGUE={folder} planwatch worker",
        f"watch it for some days; then write `live: true` in {folder}/installation.yaml",
    ]
