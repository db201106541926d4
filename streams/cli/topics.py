"""Show or make the topics of this installation: `planwatch topics plan`, `planwatch topics apply`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.admin import Step

app = typer.Typer(
    help="Example: planwatch topics apply\n\nEvent logs, cells, inbox and changelogs of this installation.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="one JSON object on stdout")]


@app.command("plan")
def plan_command(as_json: Json = False) -> None:
    """Example: planwatch topics plan

    Says what `topics apply` would do, and changes nothing. Exit code 1 when there is something to do.
    """
    from streams.admin import Action, Admin, plan
    from streams.settings import load_settings

    settings = load_settings()
    with Admin(settings.kafka) as admin:
        steps = plan(settings, admin)
    _show(steps, as_json)
    if any(step.action is not Action.KEEP for step in steps):
        raise typer.Exit(1)


@app.command("apply")
def apply_command(as_json: Json = False) -> None:
    """Example: planwatch topics apply

    Makes missing topics (three copies, two in sync, where there are three brokers), corrects
    configurations, gives changelogs as many partitions as their topics. Deletes nothing; may be repeated.
    Unequal partitions that only deleting could mend are refused.
    """
    from streams.admin import Admin, apply_steps, plan
    from streams.settings import load_settings

    settings = load_settings()
    with Admin(settings.kafka) as admin:
        steps = plan(settings, admin)
        apply_steps(steps, admin)
    _show(steps, as_json)


def _show(steps: "list[Step]", as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps([_record(step) for step in steps]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("topic", "action", "partitions", "copies", "why", box=None, pad_edge=False)
    for step in steps:
        why = f"{step.note} — {step.remedy}" if step.remedy else step.note
        table.add_row(step.topic, step.action, str(step.partitions), str(step.replication), why)
    Console(soft_wrap=True).print(table)


def _record(step: "Step") -> dict[str, Any]:
    return {
        "topic": step.topic,
        "action": str(step.action),
        "partitions": step.partitions,
        "replication": step.replication,
        "config": dict(step.config),
        "note": step.note,
        "remedy": step.remedy,
    }
