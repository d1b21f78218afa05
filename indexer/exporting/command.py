"""The command `simsvc-indexer export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from indexer.failing import CannotError, failing
from indexer.reading import EndOption, GenerationOption, StartOption, bar, opened
from indexer.times import parse_time
from simsvc.settings import Settings


def export_command(
    out: Annotated[Path, typer.Option(help="Where it goes, a Parquet file.")],
    start: StartOption = None,
    end: EndOption = None,
    text: Annotated[
        bool, typer.Option("--text", help="The messages and attributes of prompts too.")
    ] = False,
    generation: GenerationOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a window of the record to Parquet, for notebooks. The server may run.

    Columns: seq, request_id, account and organization (pseudonyms), observed_at, model, tokens,
    family, payload_hash, campaigns (open or quiet ones of the account, with its attribution
    probability), vector; with --text also messages, attributes and text_state. The generation of
    the vectors is in the schema's metadata. No model is loaded.

    Exit code 2: it could not run, and no file was written.
    """
    # Loads pyarrow, for which the other commands need not wait.
    from indexer.exporting.run import export  # noqa: PLC0415

    bounds = parse_time(start), parse_time(end)
    settings = Settings()
    with failing(as_json=as_json):
        if text and settings.text_storage == "off":
            raise CannotError("--text: text_storage is off, the record holds no texts")
    with opened(settings, generation, as_json=as_json) as record:
        window = record.window(*bounds)
        with bar(Console(stderr=True), "exporting", window.prompts) as progress:
            done = export(record, window, out, progress, text=text)
    hidden = done.without_text if text else 0
    if as_json:
        typer.echo(json.dumps({"prompts": done.prompts, "without_text": hidden, "file": str(out)}))
        return
    more = f", {hidden} of them without a text that can be shown" if hidden else ""
    typer.echo(f"{done.prompts} prompts in {out}{more}")
