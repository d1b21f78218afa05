"""What the commands that read the record have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import DBAPIError

from simsvc.domain.errors import SimsvcError
from simsvc.record.reading import RecordReader, open_for_reading
from simsvc.settings import Settings

CANNOT = 2

StartOption = Annotated[
    str | None, typer.Option(help="First time observed, ISO 8601; UTC unless it names a zone.")
]
EndOption = Annotated[str | None, typer.Option(help="The time before which prompts are taken.")]
GenerationOption = Annotated[
    str, typer.Option(help="Whose vectors and families; without it those of the one that answers.")
]


@contextmanager
def opened(settings: Settings, generation: str) -> Iterator[RecordReader]:
    """Open the record; turn what goes wrong until it is closed into one line and exit code 2."""
    try:
        yield open_for_reading(settings, generation)
    except (SimsvcError, DBAPIError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(CANNOT) from error


@contextmanager
def bar(terminal: Console, name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield what is told how many more prompts are done: a bar on a terminal, lines elsewhere."""
    done, said = 0, 0

    def line(more: int) -> None:
        nonlocal done, said
        done += more
        if (step := done * 10 // max(total, 1)) != said:
            said = step
            terminal.print(f"{name}: {done} of {total}", highlight=False)

    if not terminal.is_terminal:
        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=terminal, transient=True) as bars:
        task = bars.add_task(name, total=total)
        yield lambda more: bars.advance(task, more)
