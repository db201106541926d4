"""Check a catalogue, or see what differs between two of them.

Decides how the report looks; what is wrong is decided in `streams/catalogue`.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Example: planwatch catalogue check my-company", no_args_is_help=True, rich_markup_mode=None
)

Folder = Annotated[
    Path | None, typer.Argument(help="the catalogue's folder; default: the one in force", show_default=False)
]


@app.command("check")
def check(
    folder: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="the problems as JSON")] = False,
) -> None:
    """Example: planwatch catalogue check my-company

    Prints every problem at once, each `file:line:column: what — remedy`. Exit code 0: it can be used;
    3: it cannot.
    """
    from schemas.errors import CatalogueError
    from streams.catalogue import find_problems, load_catalogue
    from streams.cli._folder import catalogue_folder, channel_kinds

    where = catalogue_folder(folder)
    problems = find_problems(where, channel_kinds())
    if as_json:
        found = [
            {"file": p.file, "line": p.line, "column": p.column, "what": p.what, "remedy": p.remedy}
            for p in problems
        ]
        typer.echo(json.dumps({"folder": str(where), "problems": found}, ensure_ascii=False, indent=2))
    if problems:
        if not as_json:
            for problem in problems:
                typer.echo(f"{problem}" if problem.file == str(where) else f"{where}/{problem}")
            typer.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}", err=True)
        raise typer.Exit(CatalogueError.exit_code)
    if not as_json:
        catalogue = load_catalogue(where)
        typer.echo(
            f"{where}: {len(catalogue.kpis)} KPIs, {len(catalogue.rules)} rules, "
            f"{len(catalogue.dimensions)} dimensions; version {catalogue.version}"
        )


@app.command("diff")
def differences(
    old: Annotated[Path, typer.Argument(help="a catalogue's folder")],
    new: Annotated[Path, typer.Argument(help="another one")],
    as_json: Annotated[bool, typer.Option("--json", help="the changes as JSON")] = False,
) -> None:
    """Example: planwatch catalogue diff running-catalogue my-company

    One line a change: `+` added, `-` removed, `~` changed. Exit code 0: they say the same; 1: they differ.
    """
    from streams.catalogue import diff, load_catalogue

    changes = diff(load_catalogue(old), load_catalogue(new))
    if as_json:
        typer.echo(json.dumps({"changes": changes}, ensure_ascii=False, indent=2))
    else:
        for change in changes:
            typer.echo(change)
    if changes:
        raise typer.Exit(1)
