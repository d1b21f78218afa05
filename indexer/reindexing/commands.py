"""The commands `plan`, `run`, `status` and `cancel`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer
from rich.console import Console

from indexer.failing import CannotError, failing
from indexer.reindexing import tell
from indexer.reindexing.leases import LEASE
from indexer.reindexing.parts import Workshop
from indexer.reindexing.pool import LocalPool
from indexer.reindexing.ray_cluster import connected
from indexer.reindexing.ray_pool import RayPool
from indexer.reindexing.run import Pool, Runner
from simsvc.core.reindex import ReindexSpec
from simsvc.domain.errors import NotFoundError
from simsvc.domain.generation import IndexParameters, Job, JobKind, JobState
from simsvc.settings import Settings

JobArgument = Annotated[str, typer.Argument(help="The job; without it the one that runs.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@contextmanager
def opened(*, as_json: bool) -> Iterator[Workshop]:
    """Open the record, and close it; what goes wrong meanwhile is one line and exit code 2."""
    with failing(as_json=as_json), closing(Workshop.open(Settings())) as shop:
        yield shop


def plan_command(
    model: Annotated[
        str, typer.Option(help="Model to embed with: its folder or id; none: the same one.")
    ] = "",
    recall: Annotated[float | None, typer.Option(min=0.01, max=1.0)] = None,
    segment_prompts: Annotated[int | None, typer.Option(min=16)] = None,
    segment_merge: Annotated[int | None, typer.Option(min=0)] = None,
    segment_largest: Annotated[int | None, typer.Option(min=16)] = None,
    ann_prompts: Annotated[int | None, typer.Option(min=16)] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would be done; note nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plan a reindex: another model, other parameters of the index, or both.

    Index parameters that are not named stay as the settings say. `run` does what is planned; the
    server goes on meanwhile and shows it as a generation in the state building.
    """
    index = IndexParameters(segment_prompts, segment_merge, segment_largest, ann_prompts, recall)
    with opened(as_json=as_json) as shop:
        reindexing = shop.reindexing()
        plan = reindexing.plan(ReindexSpec(model, index))
        if not dry_run:
            reindexing.start(plan)
    if as_json:
        typer.echo(json.dumps(tell.plan_values(plan)))
        return
    made = tell.plan_values(plan)
    noted = "would be" if dry_run else "is"
    typer.echo(
        f"{made['generation']} {noted} made by {made['job']}: {made['kind']} {made['prompts']} "
        f"prompts, {made['tokens']} tokens in {made['ranges']} ranges"
    )


def run_command(
    job_id: JobArgument = "",
    local: Annotated[bool, typer.Option("--local", help="Workers on this machine.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Workers.")] = 1,
    ray: Annotated[
        str, typer.Option(help='Workers on a Ray cluster: its address, or "local".')
    ] = "",
    lease: Annotated[
        float, typer.Option(min=1.0, help="Seconds after which a silent worker is replaced.")
    ] = LEASE,
    as_json: JsonOption = False,
) -> None:
    """Do what is planned. May be stopped at any moment, and run again on several machines.

    Ends with the generation in the state shadow: compared, and serving nobody yet.
    """
    with failing(as_json=as_json):
        if local == bool(ray):
            raise CannotError("name one of --local and --ray")
    terminal = Console(stderr=True)
    with opened(as_json=as_json) as shop, tell.progress(terminal, silent=as_json) as told:
        job = _job(shop, job_id)
        with _pool(shop, ray, workers, lease) as pool:
            ended = Runner(shop, job.job_id, pool, told, lease).run()
        generation = shop.generation_of(ended)
    if as_json:
        values = tell.job_values(ended) | {"report": tell.generation_values(generation)["report"]}
        typer.echo(json.dumps(values))
    else:
        typer.echo(tell.line_of(ended))
    if ended.state is not JobState.SUCCEEDED:
        raise typer.Exit(1)


def status_command(job_id: JobArgument = "", as_json: JsonOption = False) -> None:
    """Show jobs and generations."""
    with opened(as_json=as_json) as shop:
        reindexing = shop.reindexing()
        jobs = [reindexing.job(job_id)] if job_id else reindexing.jobs.jobs()
        generations = reindexing.catalogue.generations()
    if as_json:
        values = {
            "jobs": [tell.job_values(job) for job in jobs],
            "generations": [tell.generation_values(g) for g in generations],
        }
        typer.echo(json.dumps(values))
        return
    for generation in generations:
        model = generation.model
        state = generation.state.name.lower()
        typer.echo(f"{generation.generation_id} {state}, {model.model}, {model.dimension}")
    for job in jobs:
        typer.echo(tell.line_of(job))


def cancel_command(
    job_id: Annotated[str, typer.Argument(help="The job.")], as_json: JsonOption = False
) -> None:
    """Stop a job for good. What it has made stays until its generation is deleted."""
    with opened(as_json=as_json) as shop:
        reindexing = shop.reindexing()
        reindexing.cancel(job_id)
        job = reindexing.job(job_id)
    typer.echo(json.dumps(tell.job_values(job)) if as_json else tell.line_of(job))


def _job(shop: Workshop, job_id: str) -> Job:
    reindexing = shop.reindexing()
    if job_id:
        return reindexing.job(job_id)
    running = [j for j in reindexing.jobs.jobs(JobState.RUNNING) if j.kind is not JobKind.ACTIVATE]
    if not running:
        raise NotFoundError("job: none is planned")
    return running[0]


@contextmanager
def _pool(shop: Workshop, address: str, workers: int, lease: float) -> Iterator[Pool]:
    """Yield workers on the Ray cluster at an address, without one on this machine."""
    if not address:
        yield LocalPool(shop.settings, workers, lease)
        return
    with connected(address, workers) as ray:
        yield RayPool(ray, shop.settings, shop.database.jobs, workers, lease)
