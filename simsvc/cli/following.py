"""Generations and operations in lines, as JSON, and as a bar while they go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

import grpc
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simsvc.cli.show import plain
from simsvc.client import (
    CampaignPreview,
    Client,
    Generation,
    GenerationState,
    Operation,
    OperationError,
    OperationPhase,
)

_FAILED = 1
_LINES = 10


def conclude(client: Client, started: Operation, *, wait: bool, as_json: bool) -> None:
    """Show an operation, once it has ended if it is to be waited for. Exit code 1 if it failed."""
    ended = started
    if wait and not started.done:
        if not as_json:
            typer.echo(f"{plain(started.name)} goes on if this is interrupted", err=True)
        ended = awaited(client, started.name, None, as_json=as_json)
    show_operation(ended, as_json=as_json)
    if ended.error is not None:
        raise typer.Exit(_FAILED)


def awaited(client: Client, name: str, timeout: float | None, *, as_json: bool) -> Operation:
    """Wait for an operation, telling how far it is; return it however it ended."""
    with progress(Console(stderr=True), silent=as_json) as told:
        try:
            return client.wait_for_operation(name, timeout, told)
        except OperationError as error:
            return error.operation


def show_operation(operation: Operation, *, as_json: bool) -> None:
    """Print an operation, and the report of a generation that it has made."""
    if as_json:
        typer.echo(to_json(operation))
        return
    typer.echo(line_of(operation))
    if operation.generation is not None:
        for line in report_lines(operation.generation):
            typer.echo(line)


def to_json(value: Operation | Generation) -> str:
    """Return a value as JSON on a line: times as ISO 8601, durations in seconds."""
    return json.dumps(asdict(value), default=_plain)


def state_of(operation: Operation) -> str:
    """Return whether an operation runs, or how it ended."""
    if operation.error is None:
        return "done" if operation.done else "running"
    return "cancelled" if operation.error.code is grpc.StatusCode.CANCELLED else "failed"


def line_of(operation: Operation) -> str:
    """Return how far an operation is, in a line."""
    parts = [f"{operation.name} {state_of(operation)}: {operation.generation_id}"]
    if not operation.done:
        parts.append(operation.phase.value.replace("_", " "))
    # A cut-over counts what it places, and does not know of how many.
    if operation.prompts_total:
        counts = f"{operation.prompts_embedded} embedded, {operation.prompts_indexed} indexed"
        parts.append(f"{counts} of {operation.prompts_total} prompts")
    if not operation.done and operation.prompts_per_second:
        parts.append(f"{operation.prompts_per_second:.0f} prompts/s")
    if operation.remaining is not None:
        parts.append(f"{timedelta(seconds=round(operation.remaining.total_seconds()))} left")
    if operation.error is not None:
        parts.append(operation.error.message)
    return plain(", ".join(parts))


def report_lines(generation: Generation) -> list[str]:
    """Return what a generation in the state SHADOW would change; nothing for others."""
    report = generation.report
    if report is None or generation.state is not GenerationState.SHADOW:
        return []
    shared = f"{report.neighbour_overlap:.0%} of the ten nearest are those of the one that answers"
    kinds = ("kept", report.kept), ("appearing", report.appearing), ("vanishing", report.vanishing)
    lines = [
        f"recall@10 of its index: {report.recall:.3f}",
        f"overlap: {shared}",
        *(f"campaigns {kind}: {_previews(found)}" for kind, found in kinds),
        f"reference sets to load again: {', '.join(report.missing_reference_sets) or 'none'}",
        f"thresholds: {report.calibration}",
    ]
    compared = f"{generation.generation_id} compared, {report.sample} of {report.prompts} prompts:"
    return [plain(compared), *(f"  {plain(line)}" for line in lines)]


@contextmanager
def progress(terminal: Console, *, silent: bool) -> Iterator[Callable[[Operation], None] | None]:
    """Yield what is told how far an operation is: a bar on a terminal, lines elsewhere."""
    if silent:
        yield None
    elif terminal.is_terminal:
        with _bars(terminal) as bars:
            task = bars.add_task("waiting", total=None)

            def advance(operation: Operation) -> None:
                done, total = _step(operation)
                phase = operation.phase.value.replace("_", " ")
                bars.update(task, description=phase, completed=done, total=total)

            yield advance
    else:
        yield _liner()


def _liner() -> Callable[[Operation], None]:
    said: tuple[OperationPhase, int] | None = None

    def tell(operation: Operation) -> None:
        nonlocal said
        done, total = _step(operation)
        step = (operation.phase, done * _LINES // (total or 1))
        # How it ended is shown by whoever waits.
        if step != said and not operation.done:
            said = step
            typer.echo(line_of(operation), err=True)

    return tell


def _step(operation: Operation) -> tuple[int, int | None]:
    """Return how much of its phase is done, and of what; None if nothing is counted in it."""
    match operation.phase:
        case OperationPhase.EMBEDDING:
            return operation.prompts_embedded, operation.prompts_total
        case OperationPhase.INDEXING:
            return operation.prompts_indexed, operation.prompts_total
        case _:
            return 0, None


def _bars(terminal: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=terminal, transient=True)


def _previews(found: tuple[CampaignPreview, ...]) -> str:
    if not found:
        return "none"
    named = (f"{p.campaign_id or 'a group'} ({p.account_count} accounts)" for p in found)
    return f"{len(found)}: {', '.join(named)}"


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case grpc.StatusCode():
            return value.name
        case _:
            raise TypeError(f"{value!r} has no JSON")
