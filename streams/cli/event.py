"""Check events before they are sent; show what an event looks like and what it may hold.

Decides how the report looks; what is refused is decided by the reader that the worker uses
(`streams/engine/measure_read.py`).
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Example: planwatch event check events.ndjson",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

Kind = Annotated[str, typer.Argument(help="order, refund, visit, review, complaint, survey, reply, mention")]


@app.command("check")
def check(
    file: Annotated[
        Path, typer.Argument(help="NDJSON, one JSON event, or a JSON list of events; - for stdin")
    ],
    catalogue: Annotated[
        Path | None,
        typer.Option(help="the catalogue's folder; default: the one in force", show_default=False),
    ] = None,
    topic: Annotated[str, typer.Option(help="check for this topic only, e.g. sales.v1")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="the report as JSON")] = False,
) -> None:
    """Example: planwatch event check events.ndjson

    Prints every event that would be refused, as `line: reason: field = value — remedy`. Sends nothing. Exit
    code 0: all would be counted; 1: some would not.
    """
    from streams.catalogue import load_catalogue
    from streams.cli._events import check_events
    from streams.cli._folder import catalogue_folder
    from streams.clock import WallClock

    text = typer.get_binary_stream("stdin").read() if str(file) == "-" else _read(file)
    report = check_events(text, load_catalogue(catalogue_folder(catalogue)), topic, WallClock().now_ms())
    if as_json:
        typer.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in report.lines():
            typer.echo(line)
        typer.echo(report.summary(), err=True)
    if report.refused:
        raise typer.Exit(1)


@app.command("example")
def example(kind: Kind) -> None:
    """Example: planwatch event example order

    Prints an event of this kind on one line, to be changed and sent.
    """
    typer.echo(json.dumps(_kind(kind).example, ensure_ascii=False))


@app.command("schema")
def schema(
    kind: Annotated[str, typer.Argument(help="a kind; default: every kind")] = "",
    write: Annotated[
        Path | None, typer.Option(help="write one file a kind into this folder instead", show_default=False)
    ] = None,
) -> None:
    """Example: planwatch event schema order

    Prints what an event of this kind may hold, as JSON Schema; without a kind, all of them by name. Which
    dimensions and which currency there are is told by the catalogue.
    """
    from schemas.events import KINDS

    kinds = [_kind(kind)] if kind else list(KINDS.values())
    schemas = {one.kind: one.json_schema() for one in kinds}
    if write is None:
        typer.echo(_pretty(schemas[kind] if kind else schemas))
        return
    for name, one in schemas.items():
        path = write / f"{name}.json"
        path.write_text(_pretty(one) + "\n", encoding="utf-8")
        typer.echo(path)


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _read(file: Path) -> bytes:
    from schemas.errors import InputError

    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror}", remedy="name a file of events"
        ) from error


def _kind(name: str) -> Any:
    from difflib import get_close_matches

    from schemas.errors import InputError
    from schemas.events import KINDS

    if name not in KINDS:
        close = get_close_matches(name, KINDS, 1)
        remedy = f"did you mean {close[0]}?" if close else f"kinds: {', '.join(KINDS)}"
        raise InputError(f"{name!r} is no event kind", remedy=remedy)
    return KINDS[name]
