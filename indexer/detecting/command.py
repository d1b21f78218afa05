"""The command `simsvc-indexer detect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from indexer.detecting.compare import compare
from indexer.detecting.tell import report_of, show
from indexer.reading import EndOption, GenerationOption, StartOption, bar, opened
from indexer.times import parse_time
from simsvc.cli.show import console
from simsvc.settings import Settings


def detect_command(
    start: StartOption = None,
    end: EndOption = None,
    generation: GenerationOption = "",
    out: Annotated[Path | None, typer.Option(help="Also write the report here, as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Detect campaigns in a window of the record, with the settings in force, and compare.

    Reads the record only; the server may run. Vectors, families of near-duplicates and frames are
    those recorded: other settings of families and models have no effect. What lies before the
    window is not seen. A campaign is found again if it shares accounts with a recorded one, at
    least the share `campaign_overlap` of the smaller one's.

    Exit code 0: done, whatever was found. 2: it could not run.
    """
    # Loads FAISS, for which the other commands need not wait.
    from indexer.detecting.replay import detect_again  # noqa: PLC0415

    bounds = parse_time(start), parse_time(end)
    settings = Settings()
    with opened(settings, generation, as_json=as_json) as record:
        window = record.window(*bounds)
        with bar(Console(stderr=True), "detecting", window.prompts) as progress:
            found = detect_again(record, window, settings, progress)
        compared = compare(found, record.campaigns(), window, settings.campaign_overlap)
        members = {a for c in [*found, *compared.vanished] for a in c.members}
        report = report_of(compared, window, record.account_names(sorted(members)))
        if out:
            out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    if as_json:
        typer.echo(json.dumps(report))
    else:
        show(report, console())
