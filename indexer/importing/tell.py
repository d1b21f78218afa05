"""Progress and results of an import, for people and for machines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from indexer.importing import progress as done
from indexer.importing.run import Imported

_LINE_SECONDS = 10.0
_SHOWN = 20


@contextmanager
def telling(terminal: Console, *, silent: bool) -> Iterator[Callable[[str, done.Progress], None]]:
    """Yield what is told the file and its progress: a bar on a terminal, lines elsewhere.

    How many rows a file has is not known before its end, so the bar only moves.
    """
    if silent:
        yield lambda _name, _progress: None
        return
    if not terminal.is_terminal:
        last = time.monotonic()

        def line(name: str, progress: done.Progress) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_SECONDS:
                last = time.monotonic()
                terminal.print(_counts(name, progress), highlight=False, markup=False)

        yield line
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as bars:
        task = bars.add_task("", total=None)
        yield lambda name, progress: bars.update(task, description=_counts(name, progress))


def waits(terminal: Console, *, as_json: bool) -> Callable[[str], None]:
    """Return what is told why a server is waited for, and "" when it is no more."""

    def tell(why: str) -> None:
        if as_json:
            typer.echo(json.dumps({"waiting": why or None}), err=True)
            return
        said = f"waiting: {why}" if why else "going on"
        terminal.print(said, style="dim", markup=False, highlight=False, soft_wrap=True)

    return tell


def report_of(imported: Sequence[Imported]) -> dict[str, Any]:
    """Return what became of all files. Rows that were refused by number and field, no texts."""
    return {
        "taken": sum(i.progress.taken for i in imported),
        "rejected": sum(i.progress.rejected for i in imported),
        "files": [
            {
                "file": str(i.path),
                "rows": i.progress.row,
                "resumed_after_row": i.resumed,
                "taken": i.progress.taken,
                "rejected": i.progress.rejected,
                "unfinished": i.unfinished,
                "rejects": [asdict(reject) for reject in i.progress.rejects],
            }
            for i in imported
        ],
    }


def rejects_of(imported: Sequence[Imported]) -> bytes:
    """Return the rejects that are named, one JSON object a line."""
    lines = (
        json.dumps({"file": str(i.path)} | asdict(reject)) + "\n"
        for i in imported
        for reject in i.progress.rejects
    )
    return "".join(lines).encode()


def show(imported: Sequence[Imported], terminal: Console) -> None:
    """Print what became of each file, and the first rows that were refused."""
    for one in imported:
        before = f"; rows up to {one.resumed} were done before" if one.resumed else ""
        later = "; the last row has no end yet, and is left for the next run"
        said = _counts(str(one.path), one.progress) + before + (later if one.unfinished else "")
        terminal.print(said, highlight=False, markup=False, soft_wrap=True)
        for reject in one.progress.rejects[:_SHOWN]:
            said = f"  row {reject.row}: {reject.field or '(row)'}: {reject.reason}"
            terminal.print(said, highlight=False, markup=False, soft_wrap=True)
        more = one.progress.rejected - _SHOWN
        if more > 0:
            terminal.print(f"  and {more} more", highlight=False)


def _counts(name: str, progress: done.Progress) -> str:
    return f"{name}: {progress.taken} taken, {progress.rejected} rejected"
