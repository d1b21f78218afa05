"""Commands about generations: another model, another index, and which one answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from simsvc.cli.connect import Server, asks
from simsvc.cli.following import conclude, report_lines, to_json
from simsvc.cli.show import add_row, console, plain, table_of
from simsvc.cli.tables import Listing
from simsvc.client import Generation, IndexOptions, Operation

generations_app = typer.Typer(
    no_args_is_help=True,
    help="Generations of vectors and index: list, reindex, activate, rollback, delete.",
)
IdArgument = Annotated[str, typer.Argument(help="The generation's id.")]
ModelOption = Annotated[
    str,
    typer.Option(
        help="A folder on the server, an id, or the bundled one's name; none: the same model."
    ),
]
RecallOption = Annotated[
    float | None, typer.Option(help="Recall@10 that a sealed segment is tuned to.")
]
SegmentPromptsOption = Annotated[
    int | None, typer.Option(help="Prompts at which a segment is sealed.")
]
SegmentMergeOption = Annotated[
    int | None, typer.Option(help="Segments of like size that are merged into one; 0: none.")
]
SegmentLargestOption = Annotated[
    int | None, typer.Option(help="Prompts in a merged segment at the most.")
]
AnnPromptsOption = Annotated[
    int | None, typer.Option(help="Prompts from which a segment is searched approximately.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check it and say what would be done; do nothing.")
]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Wait until it is done. Exit code 1 if it fails.")
]


@generations_app.command("list")
@asks
def list_generations(server: Server) -> None:
    """List the generations, oldest first, and what those in the state shadow would change."""
    with server.client() as client:
        generations = client.generations()
    if server.json:
        for generation in generations:
            typer.echo(to_json(generation))
        return
    console().print(_table(generations))
    for generation in generations:
        for line in report_lines(generation):
            typer.echo(line)


@generations_app.command()
@asks
def reindex(
    server: Server,
    model: ModelOption = "",
    recall: RecallOption = None,
    segment_prompts: SegmentPromptsOption = None,
    segment_merge: SegmentMergeOption = None,
    segment_largest: SegmentLargestOption = None,
    ann_prompts: AnnPromptsOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = False,
) -> None:
    """Make another generation, of another model, with another index, or both.

    What is not named of the index stays as the server's settings say. It answers nobody until it
    is activated.
    """
    index = IndexOptions(segment_prompts, segment_merge, segment_largest, ann_prompts, recall)
    with server.client() as client:
        started = client.start_reindex(model, index=index, validate_only=dry_run)
        if dry_run and not server.json:
            typer.echo(plain(_planned(started)))
        else:
            conclude(client, started, wait=wait, as_json=server.json)


@generations_app.command()
@asks
def activate(server: Server, generation_id: IdArgument, wait: WaitOption = False) -> None:
    """Let a generation answer, once it has all prompts."""
    with server.client() as client:
        started = client.activate_generation(generation_id)
        conclude(client, started, wait=wait, as_json=server.json)


@generations_app.command()
@asks
def rollback(server: Server, wait: WaitOption = False) -> None:
    """Let the generation answer again that answered before."""
    with server.client() as client:
        conclude(client, client.roll_back_generation(), wait=wait, as_json=server.json)


@generations_app.command()
@asks
def delete(
    server: Server,
    generation_id: IdArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a generation that neither answers nor is being built."""
    if not yes:
        question = f"Delete {generation_id} with its vectors and index files?"
        # Standard output is for the answer, which may be JSON.
        typer.confirm(question, abort=True, err=True)
    with server.client() as client:
        client.delete_generation(generation_id)
    server.tell_deleted(generation_id)


def _planned(plan: Operation) -> str:
    made = plan.generation
    if made is None:
        return f"{plan.generation_id} would be made"
    work = f"{plan.prompts_total} prompts"
    if made.vectors_of == made.generation_id:
        work += f", {plan.tokens} tokens to embed"
    else:
        work += f" with the vectors of {made.vectors_of}"
    model = f"{made.model}, {made.dimension} dimensions"
    return f"{made.generation_id} would be made of {work}; model {model}"


def _table(generations: Sequence[Generation]) -> Listing:
    columns = ("generation", "state", "model", "dimension", "index", "made")
    table = table_of(
        f"{len(generations)} generations", *columns, wrapped=("model", "index", "made"),
        spare=("dimension", "index"),
    )  # fmt: skip
    for made in generations:
        add_row(
            table,
            made.generation_id,
            made.state.value,
            made.model,
            str(made.dimension),
            _chosen(made.index),
            made.created_at.strftime("%Y-%m-%d %H:%M") if made.created_at else "-",
        )
    return table


def _chosen(index: IndexOptions) -> str:
    names = ("segment_prompts", "segment_merge", "segment_largest", "ann_prompts", "recall")
    chosen = {name: getattr(index, name) for name in names}
    told = (f"{name} {value:g}" for name, value in chosen.items() if value is not None)
    return ", ".join(told) or "as set"
