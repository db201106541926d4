"""Show the whole monitor at work on a seeded morning, on this machine alone.

Example: planwatch demo --seconds 60
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, cast

import typer

#: what is not playing in `--seconds N`: starting, the last panes' closing, ending
_AROUND_S = 15.0
_ENDING_S = 3.0
_PLAY_S = 40.0


def command(
    seconds: Annotated[
        float | None,
        typer.Option(
            min=30,
            help="end by itself; exit code 0 only if red was reached and left again",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="another seed, another morning")] = 7,
    plain: Annotated[bool, typer.Option(help="lines instead of the live picture")] = False,
) -> None:
    """Example: planwatch demo --seconds 60

    Starts the embedded broker and a worker, plays a normal morning in which the East region's orders fall and
    bad reviews rise, then recovery; shows KPIs, tiers, transitions and notices as they happen. Ctrl-C ends
    it.
    """
    from streams.demo.broker import embedded_broker
    from streams.demo.installation import environment, make_catalogue

    cast(TextIOWrapper, sys.stdout).reconfigure(line_buffering=True)
    with tempfile.TemporaryDirectory(prefix="planwatch-demo-") as folder, embedded_broker() as bootstrap:
        root = Path(folder)
        sys.stderr.write(f"planwatch demo: embedded broker at {bootstrap}\n")
        env = environment(bootstrap, make_catalogue(root / "catalogue"), root)
        told = asyncio.run(_show(env, root, seconds, seed, plain or not sys.stdout.isatty()))
    if seconds is not None and not told:
        sys.stderr.write("planwatch demo: no incident climbed to the gravest tier and came back\n")
        raise typer.Exit(1)


async def _show(env: dict[str, str], root: Path, seconds: float | None, seed: int, plain: bool) -> bool:
    from functools import partial
    from zoneinfo import ZoneInfo

    from rich.console import Console
    from rich.live import Live

    from streams.catalogue import load_catalogue
    from streams.clock import WallClock
    from streams.demo.installation import pages
    from streams.demo.session import Session
    from streams.demo.story import Story
    from streams.demo.view import draw

    catalogue = load_catalogue(root / "catalogue")
    zone = ZoneInfo(catalogue.installation.time_zone)
    story = Story(top=catalogue.ladder[-1])
    console = Console()
    addresses = [f"{url}/metrics {url}/-/ready" for url in pages(env).values()]
    with contextlib.ExitStack() as stack:
        live = (
            None if plain else stack.enter_context(Live(console=console, refresh_per_second=6, screen=False))
        )

        def show() -> None:
            if live is not None:
                live.update(draw(story, catalogue, zone, addresses))
            else:
                _print_new(story, console)

        session = Session(
            env, story, WallClock(), root / "worker.log", show, partial(console.print, soft_wrap=True), seed
        )
        play_s = _PLAY_S if seconds is None else min(_PLAY_S, max(12.0, seconds - _AROUND_S))
        stop_after_s = None if seconds is None else seconds - _ENDING_S
        await _until_interrupted(session.run(play_s, stop_after_s))
        show()
    return story.told


def _print_new(story: Any, console: Any) -> None:
    while story.lines:
        kind, text = story.lines.popleft()
        console.print(
            f"{'»' if kind == 'transition' else ' '} {text}", markup=False, highlight=False, soft_wrap=True
        )


async def _until_interrupted(run: Any) -> None:
    """Run to the end; Ctrl-C, SIGTERM and a closed terminal end it as if its time were over."""
    task = asyncio.ensure_future(run)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
