"""Make Grafana's overview board from a catalogue.

Needs the extra `boards`; the board of the default catalogue is part of the package.
"""

from pathlib import Path
from typing import Annotated

import typer


def command(
    folder: Annotated[
        Path | None,
        typer.Argument(help="the catalogue's folder; default: the one in force", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="write it here; default: print it", show_default=False)
    ] = None,
) -> None:
    """Example: planwatch board my-company --out dashboards/overview.json

    The same catalogue gives the same file. Grafana reads it by file provisioning (deploy/grafana).
    """
    from schemas.errors import InputError
    from streams.catalogue import load_catalogue
    from streams.cli._folder import catalogue_folder

    try:
        from streams.board.overview import overview
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed", remedy="pip install 'planwatch[boards]'"
        ) from error
    text = overview(load_catalogue(catalogue_folder(folder)))
    if out is None:
        typer.echo(text, nl=False)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    typer.echo(f"{out}: written", err=True)
