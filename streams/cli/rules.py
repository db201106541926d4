"""Run the tests that the rules carry, on the engine that judges live events.

Decides how the outcome looks; the tests run in `streams/engine/ruletest.py`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.engine.ruletest import RuleTestResult

app = typer.Typer(
    help="Example: planwatch rules test my-company", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Example: planwatch rules test my-company"""


@app.command("test")
def run_tests(
    folder: Annotated[
        Path | None,
        typer.Argument(help="the catalogue's folder; default: the one in force", show_default=False),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="only this rule; may be repeated", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the outcomes as JSON")] = False,
) -> None:
    """Example: planwatch rules test my-company --rule revenue_down_on_last_week

    Each test says what is given and which tiers must be passed, in order. Exit code 0: all pass; 1: one
    does not; 3: the catalogue cannot be used.
    """
    from streams.catalogue import load_catalogue
    from streams.cli._folder import catalogue_folder
    from streams.engine.ruletest import run_rule_test

    catalogue = load_catalogue(catalogue_folder(folder))
    chosen = _chosen(list(catalogue.rules), rule or [])
    results: list[RuleTestResult] = []
    for name in chosen:
        own = [run_rule_test(catalogue, catalogue.rules[name], one) for one in catalogue.rules[name].tests]
        results += own
        if not as_json:
            _print(name, own)
    failed = sum(not result.passed for result in results)
    if as_json:
        typer.echo(json.dumps([result._asdict() for result in results], ensure_ascii=False, indent=2))
    else:
        typer.echo(
            f"\n{len(results)} tests of {len(chosen)} rules: {len(results) - failed} pass, {failed} fail"
        )
    if failed:
        raise typer.Exit(1)


def _chosen(known: list[str], wanted: list[str]) -> list[str]:
    """The rules to test, in the catalogue's order; InputError names one that is not there."""
    from schemas.errors import InputError
    from streams.catalogue.problem import suggest

    for name in wanted:
        if name not in known:
            raise InputError(f"unknown rule {name!r}", remedy=suggest(name, known, plural="rules"))
    return [name for name in known if name in wanted] if wanted else known


def _print(rule: str, results: "list[RuleTestResult]") -> None:
    typer.echo(rule)
    for result in results:
        mark = typer.style("✓", fg="green") if result.passed else typer.style("✗", fg="red", bold=True)
        typer.echo(f"  {mark} {result.test}")
        if not result.passed:
            typer.echo(f"      expected {_path(result.expected)}")
            typer.echo(
                f"      {result.problem}" if result.problem else f"      passed   {_path(result.tiers)}"
            )


def _path(tiers: list[str]) -> str:
    return " → ".join(["none", *tiers])
