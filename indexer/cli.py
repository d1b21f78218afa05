"""`simsvc-indexer`: batch jobs from the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import typer
from rich.progress import Progress

from indexer.detecting.command import detect_command
from indexer.exporting.command import export_command
from indexer.importing.command import import_command
from indexer.rebuild import rebuild
from simsvc.assembly import make_engine, make_index
from simsvc.record.open import open_record
from simsvc.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)


@app.callback()
def _root() -> None:
    """Batch jobs over the record and the index."""


@app.command("rebuild")
def rebuild_command() -> None:
    """Write a new index snapshot from the record's vectors, with the server stopped.

    For new index settings or lost index files. Nothing is embedded.
    """
    settings = Settings()
    model = make_engine(settings).info
    record = open_record(settings, model)
    sealing = ThreadPoolExecutor(1)
    index = make_index(settings, model, sealing)
    index.discard_snapshot()
    with Progress(transient=True) as bar:
        task = bar.add_task("rebuilding")
        total = rebuild(
            record, index, lambda done, last: bar.update(task, completed=done, total=last)
        )
    sealing.shutdown()
    record.close()
    typer.echo(f"{total} prompts in {index.stats().segments} segments")


app.command("import")(import_command)
app.command("export")(export_command)
app.command("detect")(detect_command)


if __name__ == "__main__":
    app()
