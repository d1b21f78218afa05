"""The command `simsvc scan`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from simsvc.cli.connect import JsonOption
from simsvc.cli.show import add_row, console, plain, table_of
from simsvc.domain.calibration import Calibration
from simsvc.scan.events import read_events
from simsvc.scan.page import page_of
from simsvc.settings import Settings

_CANNOT_READ = 2
_COLOURS = {"high": "red", "medium": "yellow", "low": "blue"}


def scan(
    events: Annotated[
        Path, typer.Argument(help="Events: JSONL, plain or .gz or .zst, or .parquet.")
    ],
    report: Annotated[Path, typer.Option(help="Where the report goes, as JSON.")],
    html: Annotated[Path | None, typer.Option(help="Also write it as a page.")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where embeddings are kept for the next run.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Thresholds that `simsvc calibrate --out` wrote.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find campaigns in an export of traffic, without a server."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Loads torch, for which the other commands need not wait.
    from simsvc.scan.run import scan as scan_events  # noqa: PLC0415

    terminal = Console(stderr=True)
    try:
        used = Calibration.from_json(calibration.read_text()) if calibration else None
        with _progress(terminal) as progress:
            found = scan_events(
                read_events(events, Settings().limits), Settings(), cache or default_cache(),
                progress, used,
            )  # fmt: skip
        report.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
        if html:
            html.write_text(page_of(found, events.name), "utf-8")
    except (OSError, ValueError, TypeError) as error:
        terminal.print(f"error: {plain(str(error))}", style="red", markup=False)
        raise typer.Exit(_CANNOT_READ) from error
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show(found, console())


def default_cache() -> Path:
    """Return the folder for embeddings in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "simsvc" / "embeddings"


def show(report: dict[str, Any], terminal: Console) -> None:
    """Print a report as a table."""
    counts = report["counts"]
    terminal.print(
        f"{counts['events']} prompts of {counts['accounts']} accounts; "
        f"{counts['bad_lines']} bad lines, {counts['repeated_requests']} repeated requests.",
        highlight=False,
    )
    for bad in counts["bad"]:
        terminal.print(
            f"  line {bad['line']}: {plain(bad['reason'])}", markup=False, highlight=False
        )
    terminal.print(f"Calibration: {report['calibration']['remark']}.", highlight=False)
    count = len(report["campaigns"])
    columns = ("campaign", "confidence", "accounts", "prompts", "first reported", "tactics")
    table = table_of(
        f"{count} campaign{'' if count == 1 else 's'}", *columns,
        wrapped=("first reported", "tactics"), spare=("first reported", "tactics", "prompts"),
    )  # fmt: skip
    for campaign in report["campaigns"]:
        add_row(
            table,
            campaign["id"],
            Text(campaign["confidence"], _COLOURS[campaign["confidence"]]),
            str(len(campaign["accounts"])),
            str(campaign["prompts"]),
            campaign["first_reported_at"][:16].replace("T", " "),
            ", ".join(campaign["tactics"]),
        )
    terminal.print(table)


@contextmanager
def _progress(terminal: Console) -> Iterator[Any]:
    """Yield what a scan tells its progress to: a bar on a terminal, plain lines elsewhere."""
    if not terminal.is_terminal:
        said: dict[str, int] = {}

        def line(phase: str, done: int, of: int) -> None:
            step = done * 10 // max(of, 1)
            if said.get(phase) != step:
                said[phase] = step
                terminal.print(f"{phase}: {done} of {of}", highlight=False)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=terminal) as bars:
        tasks: dict[str, Any] = {}

        def bar(phase: str, done: int, of: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=of)
            bars.update(tasks[phase], completed=done, total=of)

        yield bar
