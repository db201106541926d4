"""Look whether this installation can run: versions, settings, catalogue, broker, topics, InfluxDB, ports."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel


def command(
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout")] = False,
) -> None:
    """Example: planwatch doctor

    Prints the settings in force (secrets hidden), then one line for each thing that was looked at: OK, or
    WRONG with the remedy. To compare clocks it makes a topic of one record and deletes it. Exit code 1 when
    something is wrong.
    """
    from streams.cli._checks import examine
    from streams.settings import load_settings

    settings = load_settings()
    in_force = dict(settings_in_force(settings))
    if not as_json:
        for name, value in in_force.items():
            typer.echo(f"{name}={value}")
        typer.echo()
    lines = []
    for line in examine(settings):
        lines.append(line)
        if not as_json:
            remedy = f" — {line.remedy}" if line.remedy else ""
            typer.echo(f"{'OK   ' if line.right else 'WRONG'} {line.subject}: {line.text}{remedy}")
    if as_json:
        import json

        typer.echo(json.dumps({"settings": in_force, "checks": [line._asdict() for line in lines]}))
    if not all(line.right for line in lines):
        raise typer.Exit(1)


def settings_in_force(model: "BaseModel", prefix: str = "PLANWATCH_") -> list[tuple[str, str]]:
    """Every setting as its environment variable; a secret that is set shows as stars."""
    from pydantic import BaseModel

    from streams.telemetry.text import redact

    found: list[tuple[str, str]] = []
    for name in type(model).model_fields:
        value: Any = getattr(model, name)
        if isinstance(value, BaseModel):
            found += settings_in_force(value, f"{prefix}{name.upper()}__")
        else:
            found.append((f"{prefix}{name.upper()}", "" if value is None else redact(str(value))))
    return found
