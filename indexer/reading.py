"""What the commands that read the record have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from indexer.failing import failing
from simsvc.record.reading import RecordReader, open_for_reading
from simsvc.settings import Settings

StartOption = Annotated[
    str | None, typer.Option(help="First time observed, ISO 8601; UTC unless it names a zone.")
]
EndOption = Annotated[str | None, typer.Option(help="The time before which prompts are taken.")]
GenerationOption = Annotated[
    str, typer.Option(help="Whose vectors and families; without it those of the one that answers.")
]


@contextmanager
def opened(settings: Settings, generation: str, *, as_json: bool) -> Iterator[RecordReader]:
    """Open the record, and close it; what goes wrong meanwhile is one line and exit code 2."""
    with failing(as_json=as_json), closing(open_for_reading(settings, generation)) as record:
        yield record


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
