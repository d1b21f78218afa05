"""`simsvc-indexer`: batch jobs from the command line."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import typer
from rich.progress import Progress

from indexer.detecting.command import detect_command
from indexer.exporting.command import export_command
from indexer.failing import CannotError, failing
from indexer.importing.command import import_command
from indexer.rebuild import rebuild
from indexer.reindexing import commands
from indexer.verifying.command import verify_command
from simsvc.assembly import make_index
from simsvc.record.open import open_database, settings_of
from simsvc.settings import Settings
from simsvc.telemetry.logs import configure_logs

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _root() -> None:
    """Batch jobs beside a server, or without one: files in and out, reindexes, checks."""
    # As of the server: vectors, texts and files of the index are in what they write.
    os.umask(0o077)
    # Standard output is for results.
    configure_logs("warning", "text")


@app.command("rebuild")
def rebuild_command() -> None:
    """Write a new index snapshot from the record's vectors, with the server stopped.

    For new index settings or lost index files. Nothing is embedded.
    """
    with failing(as_json=False):
        total, segments = _rebuilt(Settings())
    typer.echo(f"{total} prompts in {segments} segments")


def _rebuilt(settings: Settings) -> tuple[int, int]:
    """Rebuild the index of the generation that serves; return its prompts and segments."""
    database = open_database(settings)
    generation = database.catalogue.serving()
    if generation is None:
        raise CannotError("no server has opened this record yet")
    record = database.record(generation)
    record.claim_writer()
    sealing = ThreadPoolExecutor(1)
    index = make_index(
        settings_of(settings, generation), generation.model, sealing, None, generation.generation_id
    )
    index.discard_snapshot()
    with Progress(transient=True) as bar:
        task = bar.add_task("rebuilding")
        total = rebuild(
            record, index, lambda done, last: bar.update(task, completed=done, total=last)
        )
    sealing.shutdown()
    record.close()
    return total, index.stats().segments


app.command("plan")(commands.plan_command)
app.command("run")(commands.run_command)
app.command("status")(commands.status_command)
app.command("cancel")(commands.cancel_command)
app.command("import")(import_command)
app.command("export")(export_command)
app.command("detect")(detect_command)
app.command("verify")(verify_command)


if __name__ == "__main__":
    app()
