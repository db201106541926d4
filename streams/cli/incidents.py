"""List and show incidents; acknowledge, solve, report, silence.

Decides how incidents are printed. They are read from the running respond worker; commands go into the inbox
topic, so that they are kept and repeated like everything else that respond knows.
"""

import getpass
import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from schemas.base import Scope
    from schemas.incident import Incident
    from schemas.records import Silence

app = typer.Typer(help="Example: planwatch incidents list", no_args_is_help=True, rich_markup_mode=None)

Url = Annotated[str, typer.Option("--url", help="the respond worker's page; default: by the settings")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
Id = Annotated[str, typer.Argument(help="the incident's id, or its last part", metavar="ID")]
By = Annotated[str, typer.Option("--by", help="who; default: your user name", show_default=False)]
Note = Annotated[str, typer.Option("--note", help="kept with the incident")]
Wait = Annotated[float, typer.Option("--wait", help="seconds to wait until the worker shows it")]
_Verb = Literal["acknowledge", "solve", "report"]


@app.command("list")
def list_incidents(
    everything: Annotated[bool, typer.Option("--all", help="also those that are over")] = False,
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Example: planwatch incidents list --all

    Open incidents, gravest first, with their next deadline.
    """
    from streams.cli._inbox import incidents_of, read_page

    page = read_page(_url(url))
    shown = [one for one in incidents_of(page) if everything or one.is_open]
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in shown], ensure_ascii=False, indent=2))
        return
    zone = page.get("time_zone", "UTC")
    rows: list[tuple[str, ...]] = [("INCIDENT", "TIER", "STATE", "WHERE", f"SINCE ({zone})", "NEXT DEADLINE")]
    rows += [_row(one, zone) for one in shown]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not shown:
        typer.echo("no open incident", err=True)


@app.command("show")
def show(name: Id, url: Url = "", as_json: AsJson = False) -> None:
    """Example: planwatch incidents show revenue-down-k3v7q2mb

    Everything about one incident: figures, clocks, who was told, what happened when.
    """
    from streams.cli._inbox import find, incidents_of, read_page

    page = read_page(_url(url))
    incident = find(incidents_of(page), name)
    if as_json:
        typer.echo(json.dumps(incident.model_dump(mode="json"), ensure_ascii=False, indent=2))
        return
    for line in _story(incident, page.get("time_zone", "UTC")):
        typer.echo(line)


@app.command("ack")
def acknowledge(name: Id, by: By = "", note: Note = "", url: Url = "", wait: Wait = 5.0) -> None:
    """Example: planwatch incidents ack k3v7q2mb --note "on it"

    You have it: the acknowledge clock stops. The other clocks run on.
    """
    _do("acknowledge", name, by, note, (url, wait))


@app.command("solve")
def solve(name: Id, by: By = "", note: Note = "", url: Url = "", wait: Wait = 5.0) -> None:
    """Example: planwatch incidents solve k3v7q2mb --note "stock is back"

    It is solved: acknowledge, escalate and solve clocks stop. The incident ends when its figures are well.
    """
    _do("solve", name, by, note, (url, wait))


@app.command("report")
def report(name: Id, by: By = "", note: Note = "", url: Url = "", wait: Wait = 5.0) -> None:
    """Example: planwatch incidents report k3v7q2mb --note https://wiki.example.com/postmortem/12

    The root-cause report is handed in: its clock stops.
    """
    _do("report", name, by, note, (url, wait))


@app.command("silence")
def silence(
    rule: Annotated[str, typer.Option(help="a rule's id; default: every rule")] = "",
    scope: Annotated[str, typer.Option(help="for example region=East,channel=store; default: all")] = "",
    lasts: Annotated[str, typer.Option("--for", help="how long: 30m, 2h, 1d; 0m ends it")] = "1h",
    by: By = "",
    note: Note = "",
    url: Url = "",
    wait: Wait = 5.0,
) -> None:
    """Example: planwatch incidents silence --rule refund_ratio_up --scope region=East --for 2h

    No notices meanwhile; everything is judged and recorded. What is still open at the end is told then.
    """
    from streams.cli._inbox import append, wait_until
    from streams.settings import load_settings

    record = _silence(rule, scope, lasts, by or _user(), note)
    append(load_settings(), record, f"silence|{record.id}")
    ended = lasts.startswith("0")
    seen = wait_until(
        _url(url),
        lambda page: ended is not any(one["id"] == record.id for one in page.get("silences", [])),
        wait,
    )
    _confirm(f"silence {record.id} {'ended' if ended else f'for {lasts}'}", seen)


def _silence(rule: str, scope: str, lasts: str, by: str, note: str) -> "Silence":
    from schemas.base import scope_text
    from schemas.errors import InputError
    from schemas.period import parse_span
    from schemas.records import Silence
    from streams.clock import WallClock

    try:
        span = parse_span(lasts)
    except ValueError as error:
        raise InputError(f"--for: {error}", remedy="write 30m, 2h or 1d") from error
    where = _scope(scope)
    name = f"{rule or 'all'}|{scope_text(where)}"
    until_ms = WallClock().now_ms() + span.ms if span.ms else 0
    return Silence(id=name, rule=rule, scope=where, until_ms=until_ms, by=by, note=note)


def _scope(text: str) -> "Scope":
    from schemas.base import scope_of
    from schemas.errors import InputError

    if text and not all("=" in part for part in text.split(",")):
        raise InputError(f"--scope {text!r} is not a scope", remedy="write region=East,channel=store")
    return scope_of(text)


def _do(verb: _Verb, name: str, by: str, note: str, page: tuple[str, float]) -> None:
    from schemas.errors import InputError, PlanwatchError
    from schemas.records import Acknowledge, Report, Solve
    from streams.cli._inbox import append, find, incidents_of, read_page, wait_until
    from streams.settings import load_settings

    url = _url(page[0])
    try:
        name = find(incidents_of(read_page(url)), name).id
    except InputError:
        raise
    except PlanwatchError as error:
        typer.echo(f"{error}; the id is taken as it is", err=True)
    record = {"acknowledge": Acknowledge, "solve": Solve, "report": Report}[verb]
    append(load_settings(), record(incident=name, by=by or _user(), note=note), name)
    field = {"acknowledge": "acknowledged", "solve": "solved", "report": "reported"}[verb]
    seen = wait_until(
        url,
        lambda now: any(one["id"] == name and one[field] is not None for one in now["incidents"]),
        page[1],
    )
    _confirm(f"{name} {field}", seen)


def _confirm(what: str, seen: bool) -> None:
    typer.echo(what if seen else f"{what}: written to the inbox; it takes effect when the worker has read it")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _url(url: str) -> str:
    from streams.cli._inbox import page_url
    from streams.settings import load_settings

    return url or page_url(load_settings())


def _row(incident: "Incident", zone: str) -> tuple[str, ...]:
    from schemas.base import scope_text
    from streams.decisions.incident import state_word
    from streams.decisions.obligation import next_due
    from streams.decisions.wording import moment

    due_ms = next_due(incident.obligations)
    return (
        incident.id,
        incident.shown_tier,
        state_word(incident),
        scope_text(incident.scope) or incident.subject or "company",
        moment(incident.since_ms, zone, "en"),
        moment(due_ms, zone, "en") if due_ms is not None else "-",
    )


def _story(incident: "Incident", zone: str) -> list[str]:
    from streams.decisions.wording import moment

    row = _row(incident, zone)
    last = incident.last
    lines = [f"{row[0]}  {row[1]}  {row[2]}", f"  where     {row[3]}", f"  since     {row[4]} ({zone})"]
    if last.value is not None:
        lines.append(
            f"  {last.kpi}  {last.value:g}" + (f", expected {last.expected:g}" if last.expected else "")
        )
    if incident.text:
        lines.append(f"  {incident.text}")
    if incident.untold is not None:
        lines.append(f"  not told  {incident.untold}")
    lines += [
        f"  clock     {one.clock} ({one.tier}) by {moment(one.due_ms, zone, 'en')}: {one.state}"
        + (f" by {one.by}" if one.by else "")
        for one in incident.obligations
    ]
    lines += [f"  told      {one.person} on {one.channel} (level {one.level})" for one in incident.told]
    lines += [
        f"  {moment(one.at_ms, zone, 'en')}  {one.what}  {one.text}".rstrip() for one in incident.history
    ]
    return lines
