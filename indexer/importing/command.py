"""The command `simsvc-indexer import`."""

from __future__ import annotations

import enum
import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from indexer.failing import CANNOT
from indexer.importing.progress import write_whole
from indexer.importing.run import Imported, Job, import_file
from indexer.importing.sender import CannotSendError, Sender
from indexer.importing.tell import rejects_of, report_of, show, telling, waits
from simsvc.cli.connect import Server, asks, failure
from simsvc.client import Client

_SOME_REJECTED = 1


class Format(enum.StrEnum):
    """How a file is written; `auto` goes by the end of its name."""

    AUTO = "auto"
    JSONL = "jsonl"
    PARQUET = "parquet"


@asks
def import_command(
    server: Server,
    files: Annotated[list[Path], typer.Argument(help="JSONL, plain or .gz or .zst, or .parquet.")],
    form: Annotated[
        Format, typer.Option("--format", help="Format of all files; auto: by their names.")
    ] = Format.AUTO,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder that remembers how far files are. Default: in the user's state."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Forget how far they are: offer all rows once more.")
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(
            help="Write the rows that were refused here: JSONL, number and field, 10,000 a file."
        ),
    ] = None,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds in which a server may take nothing.")
    ] = 300.0,
) -> None:
    """Send exports or logs to a running server, each prompt once.

    Rows have the fields that `simsvc scan` reads, or are of `simsvc-indexer export --text`. Files
    are read in the order given and rows in theirs. Detection needs times that ascend, roughly: give
    the oldest file first.

    A row without a request_id gets one that is made of its content and its number. A run that was
    interrupted goes on where it was. A server that is overloaded or restarts is waited for. A last
    line that is cut off is left for the next run, when whoever writes the log has gone on.

    Exit code 0: all rows are taken. 1: some were refused. 2: it could not run to the end.
    """
    terminal = Console(stderr=True)
    done: list[Imported] = []
    parquet = None if form is Format.AUTO else form is Format.PARQUET
    try:
        with Client(server.connection()) as client, telling(terminal, silent=server.json) as tell:
            sender = Sender(client, patience, waits(terminal, as_json=server.json))
            job = Job(sender, server.address, state or default_state(), parquet, again)
            for file in files:
                name = file.name
                done.append(import_file(file, job, lambda at, name=name: tell(name, at)))  # type: ignore[misc]
        if rejects:
            write_whole(rejects, rejects_of(done))
    except (OSError, ValueError, CannotSendError) as error:
        if not server.json:
            show(done, terminal)
        typer.echo(failure(error, as_json=server.json), err=True)
        raise typer.Exit(CANNOT) from error
    if server.json:
        typer.echo(json.dumps(report_of(done)))
    else:
        show(done, Console())
    if any(i.progress.rejected for i in done):
        raise typer.Exit(_SOME_REJECTED)


def default_state() -> Path:
    """Return the folder for progress in the user's state."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "simsvc" / "imports"
