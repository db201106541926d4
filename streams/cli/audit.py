"""Recount the event logs and compare with every figure that was written; changes nothing."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.cli._audit import Audit
    from streams.cli._recount import Chosen


def command(
    topic: Annotated[str, typer.Option(help="only this input topic, e.g. sales.v1")] = "",
    partition: Annotated[int | None, typer.Option(min=0, help="only this partition")] = None,
    show: Annotated[int, typer.Option(min=0, help="differences told one by one")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object, with all differences")] = False,
) -> None:
    """Example: planwatch audit --topic sales.v1

    Reads what the workers wrote (pages and ledgers), recounts the events that Kafka still has on a code path
    of its own, and says what it compared, what it could not compare and why, and every number that differs.
    Workers may be running: what they write meanwhile is not looked at. Changes nothing.

    Memory: the pages that may still change and the remembered event ids of one source partition, and about
    400 bytes for each written page; their content waits in a temporary file.

    Exit code 0: equal; 1: something differs.
    """
    from streams.cli._audit import as_lines, as_record
    from streams.cli._recount import Chosen

    audit = _audit(Chosen(topic, partition))
    if as_json:
        import json

        typer.echo(json.dumps(as_record(audit)))
    else:
        typer.echo("\n".join(as_lines(audit, show)))
    if not audit.findings.are_equal:
        raise typer.Exit(1)


def _audit(chosen: "Chosen") -> "Audit":
    from streams.broker import Reader
    from streams.catalogue import default_folder, load_catalogue
    from streams.cli._audit import carry_out
    from streams.cli._bars import progress_bars
    from streams.cli._recount import Installation
    from streams.engine.recount.source import Limits
    from streams.settings import load_settings
    from streams.topics import Names

    settings = load_settings()
    catalogue = load_catalogue(settings.catalogue or default_folder())
    limits = Limits(settings.measure.dedupe_entries, settings.measure.value_bytes)
    with Reader(settings.kafka) as reader, progress_bars() as bars:
        names = Names(settings.kafka.prefix)
        return carry_out(Installation(reader, names, catalogue, bars), chosen, catalogue, limits)
