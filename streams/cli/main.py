"""`planwatch`: finds its commands in this folder, imports only the one that is called, and words its errors.

A file `<name>.py` beside this one is the command `<name>`: it has either `command` (a function) or `app` (a
Typer with sub-commands). The first line of its docstring is its line in `planwatch --help`.

Exit codes: 0 done; 1 the answer is no (a check failed, not ready); 2 wrong input or setting; 3 wrong
catalogue; 4 Kafka refuses or is not there; 5 state cannot be confirmed; 6 something could not be delivered;
130 interrupted.
"""

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from schemas.errors import PlanwatchError

_FOLDER = Path(__file__).parent
_EPILOG = (
    "Exit codes: 0 done · 1 the answer is no · 2 wrong input or setting · 3 wrong catalogue · 4 Kafka · "
    "5 state · 6 delivery · 130 interrupted"
)
_HELP = """Example: planwatch demo

Planwatch watches the execution of a plan: events from Kafka, rolling KPIs, graded tiers, incidents, notices.
"""


def command_names() -> list[str]:
    """Every command, by the files of this folder; `_` in a file name is `-` in the command."""
    files = (
        path.stem for path in _FOLDER.glob("*.py") if not path.stem.startswith("_") and path.stem != "main"
    )
    return sorted(name.replace("_", "-") for name in files)


def summary(name: str) -> str:
    """The first line of a command's docstring, read without importing it."""
    path = _FOLDER / f"{name.replace('-', '_')}.py"
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def load(name: str) -> Any:
    """The click command of a file."""
    module = importlib.import_module(f"streams.cli.{name.replace('-', '_')}")
    group = getattr(module, "app", None)
    if group is None:
        group = typer.Typer(rich_markup_mode=None, add_completion=False)
        group.command(name)(module.command)
    command: Any = typer.main.get_command(group)
    command.name = name
    return command


class _Commands(TyperGroup):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command."""
        return command_names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, or its line only while the overview is printed."""
        if cmd_name not in command_names():
            return None
        if getattr(ctx, "_planwatch_overview", False):
            return typer.core.TyperCommand(cmd_name, short_help=summary(cmd_name), callback=lambda: None)
        return load(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the overview without importing any command."""
        ctx._planwatch_overview = True
        super().format_help(ctx, formatter)


def root() -> Any:
    """The whole command line as one click command."""
    group = typer.Typer(cls=_Commands, rich_markup_mode=None, add_completion=False, no_args_is_help=True)
    group.callback(help=_HELP, epilog=_EPILOG)(lambda: None)
    return typer.main.get_command(group)


def main() -> None:
    """Run the command line; a PlanwatchError is one line on stderr and its exit code."""
    try:
        root()(prog_name="planwatch")
    except PlanwatchError as error:
        sys.stderr.write(f"planwatch: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("planwatch: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
