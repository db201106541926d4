"""List the channels of the catalogue, or send a test card through one.

Decides what a test card says. How it is laid out and sent is the channel's.
"""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.base import Language
    from schemas.catalogue import Catalogue
    from schemas.records import Notice
    from schemas.route import Channel

app = typer.Typer(
    help="Example: planwatch channels test terminal", no_args_is_help=True, rich_markup_mode=None
)

Folder = Annotated[
    Path | None, typer.Option("--catalogue", help="the catalogue's folder; default: the one in force")
]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


@app.command("list")
def list_channels(folder: Folder = None, as_json: AsJson = False) -> None:
    """Example: planwatch channels list

    Every channel of the catalogue, its kind, and whether its options can be used. Exit code 6: one cannot.
    """
    from schemas.errors import ChannelError
    from streams.channels import build, kinds
    from streams.channels.port import Deps

    catalogue = _catalogue(folder)
    rows: list[dict[str, str]] = []
    for name, channel in catalogue.channels.items():
        try:
            build(channel, Deps())
            problem = ""
        except ChannelError as error:
            problem = str(error)
        rows.append({"name": name, "kind": channel.kind, "problem": problem})
    if as_json:
        typer.echo(json.dumps({"channels": rows, "kinds": sorted(kinds())}, ensure_ascii=False, indent=2))
    else:
        for row in rows:
            typer.echo(f"{row['name']:20} {row['kind']:12} {row['problem'] or 'ok'}")
        typer.echo(f"kinds there are: {', '.join(sorted(kinds()))}", err=True)
    if any(row["problem"] for row in rows):
        raise typer.Exit(ChannelError.exit_code)


@app.command("test")
def try_channel(
    name: Annotated[str, typer.Argument(help="a channel of the catalogue")],
    to: Annotated[
        str, typer.Option(help="the address on it; default: that of the first person who has one")
    ] = "",
    language: Annotated[str, typer.Option(help="en or zh; default: the installation's")] = "",
    folder: Folder = None,
) -> None:
    """Example: planwatch channels test wecom --language zh

    Sends one test card and waits for the answer. Exit code 0: it was taken; 6: it was not, with the reason.
    """
    from schemas.errors import InputError

    catalogue = _catalogue(folder)
    channel = catalogue.channels.get(name)
    if channel is None:
        there = ", ".join(catalogue.channels) or "none"
        raise InputError(f"the catalogue has no channel {name!r}", remedy=f"there are: {there}")
    if language not in ("", "en", "zh"):
        raise InputError(f"language {language!r} is not spoken", remedy="write en or zh")
    chosen: Language = "zh" if (language or catalogue.installation.language) == "zh" else "en"
    contacts = [one.contacts[name] for one in catalogue.people.values() if name in one.contacts]
    asyncio.run(_send(channel, trial_notice(name, to or next(iter(contacts), ""), chosen)))
    typer.echo(f"{name}: taken", err=True)


async def _send(channel: "Channel", notice: "Notice") -> None:
    from streams.channels import build
    from streams.channels.port import Deps

    port = build(channel, Deps())
    try:
        await port.send(notice)
    finally:
        await port.close()


def trial_notice(channel: str, address: str, language: "Language") -> "Notice":
    """The notice that a channel is tried with."""
    from schemas.records import Card, Notice

    zh = language == "zh"
    card = Card(
        title="【测试】Planwatch 通知测试" if zh else "Test: Planwatch can reach this channel",
        tier="test",
        tier_title="测试" if zh else "Test",
        colour="#3274d9",
        lines=[
            (
                "事项" if zh else "What",
                "这是一条测试通知，无需处理。" if zh else "A test card; nothing needs to be done.",
            ),
            ("通道" if zh else "Channel", channel),
        ],
        link="",
        link_title="",
    )
    return Notice(
        id="test",
        key="test",
        incident="test",
        channel=channel,
        person="test",
        address=address,
        language=language,
        tier="test",
        about="test",
        facts=card,
    )


def _catalogue(folder: Path | None) -> "Catalogue":
    from streams.catalogue import load_catalogue
    from streams.cli._folder import catalogue_folder

    return load_catalogue(catalogue_folder(folder))
