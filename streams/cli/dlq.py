"""Look at events that could not be read, and send them again once they can: list, show, replay."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.deadletters import Letter
    from streams.settings import Settings

app = typer.Typer(
    help="Example: planwatch dlq list\n\nEvents that could not be read, each with the reason and the remedy.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Topic = Annotated[str, typer.Option(help="only of this input topic")]
Reason = Annotated[str, typer.Option(help="only with this reason, as `list` shows it")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout")]


@app.command("list")
def list_command(
    topic: Topic = "",
    reason: Reason = "",
    everything: Annotated[bool, typer.Option("--all", help="also what was replayed")] = False,
    limit: Annotated[int, typer.Option(min=0, help="the newest so many")] = 50,
    as_json: Json = False,
) -> None:
    """Example: planwatch dlq list --reason unknown_dimension

    The newest refused events, and how many there are of each reason. What was replayed is left out.
    """
    letters = [one for one in _read(topic, reason) if everything or not one.replayed]
    shown = letters[len(letters) - limit :] if limit < len(letters) else letters
    if as_json:
        import json

        typer.echo(json.dumps([letter.as_record() for letter in shown], ensure_ascii=False))
        return
    _print_table(shown)
    _print_counts(letters)


def _print_table(letters: "list[Letter]") -> None:
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    table = Table("id", "refused at", "reason", "field", "value", "remedy", box=None, pad_edge=False)
    for one in letters:
        at = datetime.fromtimestamp(one.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        mark = " (replayed)" if one.replayed else ""
        table.add_row(one.id + mark, at, one.reason, one.field, one.value[:40], one.remedy)
    if letters:
        Console(soft_wrap=True, markup=False, highlight=False).print(table)


def _print_counts(letters: "list[Letter]") -> None:
    from collections import Counter

    counts = Counter((one.topic, one.reason, one.field) for one in letters)
    for (topic, reason, name), count in counts.most_common():
        typer.echo(f"{count} × {topic}: {reason}{' ' + name if name else ''}")
    if not letters:
        typer.echo("no refused events")


@app.command("show")
def show_command(
    letter_id: Annotated[
        str, typer.Argument(metavar="ID", help="topic/partition/offset, as `list` shows it")
    ],
    as_json: Json = False,
) -> None:
    """Example: planwatch dlq show planwatch.sales.v1/3/1042

    One refused event: the reason and the remedy, its headers, key and original bytes.
    """
    from schemas.errors import InputError

    letter = next((one for one in _read() if one.id == letter_id), None)
    if letter is None:
        raise InputError(
            f"no refused event {letter_id!r}", remedy="`planwatch dlq list --all` shows their ids"
        )
    record = letter.as_record(with_body=True)
    if as_json:
        import json

        typer.echo(json.dumps(record, ensure_ascii=False))
        return
    for name, value in record.items():
        if name not in ("headers", "body"):
            typer.echo(f"{name}: {value}")
    for name, value in record["headers"]:
        typer.echo(f"header {name}: {value}")
    typer.echo(record["body"] if record["body"] is not None else "(no value)")


@app.command("replay")
def replay_command(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="topic/partition/offset")] = None,
    topic: Topic = "",
    reason: Reason = "",
    everything: Annotated[bool, typer.Option("--all", help="everything not yet replayed")] = False,
    force: Annotated[bool, typer.Option("--force", help="also what would be refused again")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be sent; send nothing")] = False,
    as_json: Json = False,
) -> None:
    """Example: planwatch dlq replay --reason unknown_dimension

    Sends refused events to the partitions they came from, with the header planwatch-replayed, after the
    cause was mended (say, a dimension added to the catalogue). What would be refused again stays where it
    is. What was replayed is marked and not sent twice; if an interruption falls between sending and marking,
    the event id counts it once. A late event counts in the pane it belongs to, as far back as days are kept.
    """
    from schemas.errors import InputError
    from streams.settings import load_settings

    settings = load_settings()
    if not (ids or topic or reason or everything):
        raise InputError("nothing is chosen", remedy="give ids, --topic, --reason or --all")
    letters = _chosen(ids or [], topic, reason)
    again = [] if force else _refused_again(letters, settings)
    ready = [one for one in letters if one not in again and not (one.body is None and one.key is None)]
    sent = 0 if dry_run else _send(ready, settings)
    if as_json:
        import json

        counts = {
            "chosen": len(letters),
            "would_be_refused": len(again),
            "ready": len(ready),
            "replayed": sent,
        }
        typer.echo(json.dumps(counts | {"dry_run": dry_run}))
    else:
        typer.echo(f"chosen: {len(letters)}, would be refused again: {len(again)}")
        typer.echo(f"would replay: {len(ready)}" if dry_run else f"replayed: {sent}")
    if not dry_run and sent < len(ready):
        raise typer.Exit(1)


def _read(topic: str = "", reason: str = "") -> "list[Letter]":
    from streams.broker import read_topics
    from streams.deadletters import letters_of
    from streams.settings import load_settings
    from streams.topics import Names

    settings = load_settings()
    names = Names(settings.kafka.prefix)
    inputs = [one for one in names.inputs if topic in ("", one)]
    letters = letters_of(read_topics(settings.kafka, [names.dlq(one) for one in inputs]))
    return [letter for letter in letters if reason in ("", letter.reason)]


def _chosen(ids: list[str], topic: str, reason: str) -> "list[Letter]":
    from schemas.errors import InputError

    letters = _read(topic, reason)
    unknown = set(ids) - {letter.id for letter in letters}
    if unknown:
        remedy = "`planwatch dlq list --all` shows their ids"
        raise InputError(f"no refused event {', '.join(sorted(unknown))}", remedy=remedy)
    return [letter for letter in letters if not letter.replayed and (not ids or letter.id in ids)]


def _refused_again(letters: "list[Letter]", settings: "Settings") -> "list[Letter]":
    from schemas.events import kinds_of
    from streams.catalogue import default_folder, load_catalogue
    from streams.engine.measure_read import EventReader
    from streams.engine.measure_refusal import Fault

    catalogue = load_catalogue(settings.catalogue or default_folder())
    topics = {letter.topic for letter in letters}
    readers = {
        topic: EventReader(kinds_of(topic), catalogue, settings.measure.value_bytes) for topic in topics
    }
    return [one for one in letters if isinstance(readers[one.topic].read_one(one.body), Fault)]


def _send(letters: "list[Letter]", settings: "Settings") -> int:
    from schemas.errors import BrokerError
    from streams.broker import Sender
    from streams.deadletters import replay

    def told(count: int) -> None:
        typer.echo(f"replayed {count} of {len(letters)}", err=True)

    with Sender(settings.kafka) as sender:
        sent = replay(letters, sender, told)
        if sender.failed:
            remedy = "try again; what was replayed stays marked"
            raise BrokerError(f"{sent} of {len(letters)} replayed, then: {sender.error}", remedy=remedy)
    return sent
