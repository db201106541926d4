"""List the records behind a figure, from the event logs, with what they come to."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.cli._drill import Answer

_WIDE = 1000


def command(
    kpi: Annotated[str, typer.Option(help="a KPI's id: only what its measures count")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="name=value, e.g. region=East; may repeat")] = None,
    window: Annotated[str, typer.Option(help="5m, 1h, 24h, 7d, day, week, month, quarter, year")] = "day",
    end: Annotated[
        str, typer.Option(help="RFC 3339, or local: 2026-11-22 10:00; default: how far time has come")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, max=1_000_000, help="show the newest so many")] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="NDJSON: one record a line, then the sums of all")
    ] = False,
) -> None:
    """Example: planwatch events --kpi revenue --scope region=East --window month

    Reads the event logs and lists the records that a figure is made of, newest first; then how many there
    are, their sum in each measure, and the KPI's value, to be held against the figure that is shown. What is
    refused, a repetition or expired is left out, as it is there; late events count once they were known.

    Changes nothing. Memory: the shown records, and the remembered event ids of one source partition.
    """
    answer = _answer(kpi, scope or [], window, (end, limit))
    if as_json:
        import json

        from streams.cli._drill import as_records

        for record in as_records(answer):
            typer.echo(json.dumps(record))  # what is not ASCII is escaped: event text may hold anything
        return
    _print_table(answer)
    from streams.cli._drill import as_lines

    hidden = answer.drill.count - len(answer.drill.newest())
    if hidden:
        typer.echo(f"… and {hidden:,} older ones; --limit shows more")
    typer.echo("\n".join(as_lines(answer)))
    for note in answer.notes:
        typer.echo(f"note: {note}", err=True)


def _answer(kpi: str, scope: list[str], window: str, shown: tuple[str, int]) -> "Answer":
    from streams.broker import Reader
    from streams.catalogue import default_folder, load_catalogue
    from streams.cli._bars import progress_bars
    from streams.cli._drill import Answer, NoShelf, end_of, kpi_of, read_records, scope_from, window_of
    from streams.cli._recount import Installation
    from streams.engine.recount.drill import Asked, Drill
    from streams.engine.recount.source import Limits
    from streams.settings import load_settings
    from streams.topics import Names

    settings = load_settings()
    catalogue = load_catalogue(settings.catalogue or default_folder())
    chosen, spec = kpi_of(catalogue, kpi), window_of(window)
    where = scope_from(scope, catalogue, chosen)
    limits = Limits(settings.measure.dedupe_entries, settings.measure.value_bytes)
    with Reader(settings.kafka) as reader, progress_bars() as bars:
        installation = Installation(reader, Names(settings.kafka.prefix), catalogue, bars)
        written, _ = installation.written(NoShelf())
        asked = Asked(chosen, spec, end_of(shown[0], written, catalogue.installation.time_zone), where)
        drill = Drill(catalogue, asked, shown[1], installation.settled(where))
        answer = Answer(catalogue, asked, drill)
        for _ in read_records(installation, answer, written, limits):
            pass
    return answer


def _print_table(answer: "Answer") -> None:
    from rich.console import Console
    from rich.table import Table

    from streams.cli._drill import as_rows

    zone = answer.catalogue.installation.time_zone
    heads = (f"occurred at ({zone})", "kind", "counts under", "fields", "event id", "topic/partition/offset")
    table = Table(*heads, box=None, pad_edge=False)
    for row in as_rows(answer):
        table.add_row(*row)
    if answer.drill.count:
        # as wide as it needs: a record is one line, also in a file
        Console(soft_wrap=True, markup=False, highlight=False, width=_WIDE).print(table)
