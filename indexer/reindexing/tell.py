"""How a reindex is told: a bar on a terminal, lines elsewhere, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simsvc.core.reindex import Plan
from simsvc.domain.generation import Job, JobState, ShadowReport
from simsvc.domain.prompt import MICROSECONDS
from simsvc.ports.generation import Generation

_LINES = 10


def job_values(job: Job) -> dict[str, Any]:
    """Return a job for JSON; times as ISO 8601."""
    left = job.remaining_seconds
    return {
        "job": job.job_id,
        "generation": job.generation_id,
        "kind": job.kind.value,
        "state": job.state.name.lower(),
        "phase": job.phase.value,
        "prompts": job.total,
        "embedded": job.embedded,
        "indexed": job.indexed,
        "prompts_per_second": round(job.rate, 1),
        "seconds_left": None if left is None else round(left, 1),
        "started": _time(job.created_at),
        "ended": _time(job.ended_at),
        "error": job.error,
    }


def plan_values(plan: Plan) -> dict[str, Any]:
    """Return a plan for JSON."""
    generation = plan.generation
    return {
        "job": plan.job.job_id,
        "generation": generation.generation_id,
        "kind": plan.job.kind.value,
        "model": generation.model.model,
        "dimension": generation.model.dimension,
        "index": generation.index.chosen(),
        "prompts": plan.job.total,
        "ranges": len(plan.ranges),
        "tokens": plan.tokens,
    }


def generation_values(generation: Generation) -> dict[str, Any]:
    """Return a generation for JSON, with what its comparison found."""
    report = ShadowReport.from_json(generation.report)
    return {
        "generation": generation.generation_id,
        "state": generation.state.name.lower(),
        "model": generation.model.model,
        "dimension": generation.model.dimension,
        "index": generation.index.chosen(),
        "created": _time(generation.created_at),
        "report": json.loads(generation.report) if report else None,
    }


def line_of(job: Job) -> str:
    """Return how far the phase is that a job is in, in a line."""
    told = f"{job.job_id} {job.state.name.lower()}, {_phase(job)}"
    if job.counts:
        of = f" of {job.total}" if job.total else ""
        told += f": {job.done}{of} prompts"
    if job.counts and job.rate and job.state is JobState.RUNNING:
        told += f", {job.rate:.0f} prompts/s"
    return f"{told}: {job.error}" if job.error else told


@contextmanager
def progress(terminal: Console, *, silent: bool) -> Iterator[Callable[[Job], None]]:
    """Yield what is told how far a job is."""
    if silent:
        yield lambda _: None
    elif terminal.is_terminal:
        with _bars(terminal) as bars:
            task = bars.add_task("waiting", total=None)

            def bar(job: Job) -> None:
                if bars.tasks[0].description != _phase(job):
                    # The time left is told from what the phase has done.
                    bars.reset(task, description=_phase(job))
                bars.update(task, total=job.total, completed=job.done)

            yield bar
    else:
        said = ("", -1)

        def line(job: Job) -> None:
            nonlocal said
            step = (job.phase.value, job.done * _LINES // max(job.total, 1))
            if step != said:
                said = step
                terminal.print(line_of(job), highlight=False, soft_wrap=True)

        yield line


def _phase(job: Job) -> str:
    return job.phase.value.replace("_", " ")


def _bars(terminal: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=terminal, transient=True)


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / MICROSECONDS, UTC).isoformat() if micros else ""
