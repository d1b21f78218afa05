"""Commands about reference sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from simsvc.cli.connect import Server, asks
from simsvc.cli.show import add_row, console, plain, print_json, table_of, when, word
from simsvc.client import ReferenceSet, ReferenceSetKind

references_app = typer.Typer(
    no_args_is_help=True, help="Known data sets and allowed templates: load, list, delete."
)


@references_app.command()
@asks
def load(
    server: Server,
    name: Annotated[str, typer.Argument(help="Id of the set; made if it is new.")],
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help='A text a line, or JSON lines with "text"; a template: whole.',
        ),
    ],
    template: Annotated[
        bool, typer.Option(help="The file is one template that an app may send.")
    ] = False,
) -> None:
    """Load a data set, or a template that is allowed."""
    texts = _texts(file, template=template)
    with server.client() as client:
        made = client.load_reference_set(name, texts, allowed_template=template)
    if server.json:
        print_json(made)
    else:
        typer.echo(f"{plain(name)}: {made.items} items")


@references_app.command("list")
@asks
def list_sets(server: Server) -> None:
    """List the reference sets."""
    with server.client() as client:
        sets = client.list_reference_sets()
    if server.json:
        for held in sets:
            print_json(held)
        return
    columns = ("set", "kind", "items", "loaded")
    table = table_of(f"{len(sets)} reference sets", *columns, spare=("loaded", "items", "kind"))
    for held in sets:
        add_row(table, held.reference_set_id, _kind(held), str(held.items), when(held.create_time))
    console().print(table)


@references_app.command()
@asks
def delete(
    server: Server,
    name: Annotated[str, typer.Argument(help="Id of the set.")],
) -> None:
    """Delete a reference set."""
    with server.client() as client:
        client.delete_reference_set(name)
    server.tell_deleted(name)


def _texts(file: Path, *, template: bool) -> list[str]:
    try:
        content = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"the file is not UTF-8 at byte {error.start}") from error
    if template:
        return [content]
    lines = enumerate(content.split("\n"), 1)
    return [_text(line, number) for number, line in lines if line.strip()]


def _text(line: str, number: int) -> str:
    """Return the text of a line: JSON with "text", or the line itself."""
    if not line.lstrip().startswith("{"):
        return line
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"line {number} is no JSON: {error.msg}") from error
    if isinstance(row.get("text"), str):
        return str(row["text"])
    raise typer.BadParameter(f'line {number} lacks "text"')


def _kind(held: ReferenceSet) -> str:
    return word(ReferenceSetKind.Name, held.kind, "REFERENCE_SET_KIND_")
