"""Count everything anew from the event logs, after a wrong catalogue or lost state."""

from typing import Annotated

import typer

_EXPLAINED = """Rebuilding counts everything anew from the event logs on Kafka.

Deleted and made anew, empty:
  {topics}
Positions forgotten, so that reading begins at the beginning:
  {groups}
Kept: the event logs, the dead letters, every figure already written to InfluxDB{kept}.

Figures come back as far as the event logs reach; what their retention has deleted is not counted any more.
Events that were refused are refused again: `planwatch dlq list` shows each once. Transitions come again
with the same ids; nobody is told of what is older than `stale_after`."""


def command(
    incidents: Annotated[
        bool, typer.Option("--incidents", help="also forget incidents, acknowledgements and silences")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do it; without this it is only explained")] = False,
) -> None:
    """Example: planwatch rebuild --yes

    Stop every worker first; it is refused while one is running. Without --yes it explains what it would do.
    """
    from schemas.errors import BrokerError
    from streams.admin.client import Admin
    from streams.admin.rebuild import carry_out, rebuild_of
    from streams.cli._pages import ask, stage_addresses
    from streams.settings import load_settings
    from streams.topics import Names

    settings = load_settings()
    rebuild = rebuild_of(Names(settings.kafka.prefix), incidents=incidents)
    kept = "" if incidents else ", incidents with their acknowledgements"
    topics, groups = "\n  ".join(rebuild.topics), "\n  ".join(rebuild.groups)
    typer.echo(_EXPLAINED.format(topics=topics, groups=groups, kept=kept), err=yes)
    if not yes:
        typer.echo("\nNothing was changed. `planwatch rebuild --yes` does it.")
        return
    answering = [
        f"{stage} at {address}"
        for stage, address in stage_addresses(settings.web, settings.data_dir).items()
        if address and ask(f"{address}/-/healthy").status == 200
    ]
    if answering:
        raise BrokerError(f"workers are running: {', '.join(answering)}", remedy="stop every worker first")
    with Admin(settings.kafka) as admin:
        carry_out(rebuild, settings, admin)
    typer.echo("done; start the workers, they count from the beginning")
