"""Send events from CSV or NDJSON files to Kafka, several files merged by event time."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.publish.outcome import Tally
    from streams.publish.publishing import Order
    from streams.publish.report import Delivery, Refusals


def command(
    files: Annotated[list[Path], typer.Argument(help="CSV or NDJSON (.ndjson, .jsonl)", show_default=False)],
    maps: Annotated[
        list[Path] | None, typer.Option("--map", help="how rows become events; may repeat")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="send there instead of to each kind's own topic")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="read and check; send nothing")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="send only the first so many events")] = None,
    show: Annotated[int, typer.Option(min=0, help="refusals told one by one in the report")] = 20,
    refusals: Annotated[Path | None, typer.Option(help="write every refusal there, as NDJSON")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the report as one JSON object")] = False,
) -> None:
    """Example: planwatch publish orders.csv Returns.csv --map deploy/maps/adventureworks.yaml

    Every row becomes an event as the map says, is checked as the workers will check it, and is sent to the
    topic of its kind, all files merged by event time (they need not be sorted). NDJSON without a map is taken
    as events. The report on stdout says what was sent, skipped and refused, and why. Ctrl-C ends cleanly;
    running the same command again counts nothing twice, because event ids come from the rows.

    Exit code 1: rows were refused, or not everything could be sent; the rest was sent.
    """
    from streams.publish.publishing import Order
    from streams.publish.report import Refusals

    refused = Refusals(show, refusals)
    try:
        tallies, delivery = _publish(Order(files, maps or [], topic, limit, dry_run), refused)
    finally:
        refused.close()
    _report(tallies, refused, delivery, as_json)
    if delivery.stopped is not None:
        raise delivery.stopped
    if delivery.interrupted:
        raise typer.Exit(130)
    if refused.count or delivery.failed:
        raise typer.Exit(1)


def _publish(order: "Order", refused: "Refusals") -> "tuple[list[Tally], Delivery]":
    from streams.catalogue import default_folder, load_catalogue
    from streams.cli._bars import progress_bars
    from streams.clock import WallClock
    from streams.publish.checking import Checker
    from streams.publish.publishing import publish
    from streams.settings import load_settings

    settings = load_settings()
    catalogue = load_catalogue(settings.catalogue or default_folder())
    check = Checker(catalogue, settings, WallClock().now_ms(), topic=order.topic)
    with _interruptible(), progress_bars() as bars:
        return publish(order, settings.kafka, check, refused, bars)


def _report(tallies: "list[Tally]", refused: "Refusals", delivery: "Delivery", as_json: bool) -> None:
    from streams.publish.report import as_lines, as_record

    if as_json:
        import json

        typer.echo(json.dumps(as_record(tallies, refused, delivery), ensure_ascii=False))
    else:
        typer.echo("\n".join(as_lines(tallies, refused, delivery)))


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends as cleanly as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
