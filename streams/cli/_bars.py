"""Progress bars on stderr, for the commands that take a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: told what is done, how much of it, of how much
Bars = Callable[[str, int, int], None]


@contextmanager
def progress_bars() -> Iterator[Bars]:
    """A bar for each thing that is told of; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        tasks: dict[str, int] = {}

        def move(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(progress.task_ids[tasks[what]], completed=done, total=total)

        yield move
