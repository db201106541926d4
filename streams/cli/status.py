"""Say how the running stages are: ready or why not, how far they have come, what is open."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

_NO_PORT = "its port is 0, and no worker has left a note of the one it took in PLANWATCH_DATA_DIR"


def command(
    as_json: Annotated[
        bool, typer.Option("--json", help="the three /status answers as one JSON object")
    ] = False,
) -> None:
    """Example: planwatch status

    Asks the pages of measure, evaluate and respond (PLANWATCH_WEB__HOST and …_PORT). Exit code 1 when one of
    them is not ready or does not answer.
    """
    from streams.cli._pages import ask, stage_addresses
    from streams.settings import load_settings

    stages: dict[str, dict[str, Any]] = {}
    settings = load_settings()
    for stage, address in stage_addresses(settings.web, settings.data_dir).items():
        if not address:
            stages[stage] = {"ready": False, "reasons": {"no_port": _NO_PORT}}
            continue
        answer = ask(f"{address}/status")
        stages[stage] = answer.as_json() or {"ready": False, "reasons": {"no_answer": answer.body[:200]}}
        stages[stage]["address"] = address
    if as_json:
        import json

        typer.echo(json.dumps(stages, ensure_ascii=False))
    else:
        typer.echo("\n".join(line for stage, status in stages.items() for line in lines_of(stage, status)))
    if not all(status.get("ready") for status in stages.values()):
        raise typer.Exit(1)


def lines_of(stage: str, status: dict[str, Any]) -> Iterator[str]:
    """One stage for people: a line with what it does, then what is wrong with it."""
    state = "ready" if status.get("ready") else "NOT READY"
    if status.get("standby"):
        state += ", standing by"
    facts = {"measure": _measure, "evaluate": _evaluate, "respond": _respond}[stage](status)
    yield f"{stage:<9}{state}" + "".join(f" · {fact}" for fact in facts)
    for name, text in status.get("reasons", {}).items():
        yield f"           not ready: {name}: {text}"
    for name, text in status.get("warnings", {}).items():
        yield f"           warning: {name}: {text}"


def _measure(status: dict[str, Any]) -> Iterator[str]:
    partitions = status.get("partitions")
    if partitions is None:
        return
    counts = {
        name: sum(partition["counts"][name] for partition in partitions)
        for name in ("counted", "duplicate", "late", "expired", "refused")
    }
    yield f"{len(partitions)} source partitions"
    yield f"lag {sum(partition.get('lag') or 0 for partition in partitions)}"
    yield ", ".join(f"{name} {count}" for name, count in counts.items())


def _evaluate(status: dict[str, Any]) -> Iterator[str]:
    if status.get("catalogue"):
        yield f"catalogue {status['catalogue']}"
    if "frontier_ms" in status:
        yield f"time has come to {_moment(status['frontier_ms'])}"
    above = [tier for tier in status.get("tiers", []) if tier.get("tier") != "none"]
    if "tiers" in status:
        yield f"{len(above)} of {len(status['tiers'])} rules and scopes above none"


def _respond(status: dict[str, Any]) -> Iterator[str]:
    if "incidents" in status:
        yield f"{status['incidents']} incidents"
    if "outbox" in status:
        yield f"{status['outbox']} notices waiting"


def _moment(ms: int | None) -> str:
    from datetime import UTC, datetime

    return "nowhere yet" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")
