"""Commands about reference sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from simsvc.cli.connect import DEFAULT_ADDRESS, AddressOption, CaOption, TokenOption, connected
from simsvc.cli.show import console, when
from simsvc.client import ReferenceSet, ReferenceSetKind

references_app = typer.Typer(
    no_args_is_help=True, help="Known data sets and allowed templates: load, list, delete."
)


@references_app.command()
def load(
    name: Annotated[str, typer.Argument(help="Id of the set; made if it is new.")],
    file: Annotated[
        Path, typer.Argument(help='A text a line, or JSON lines with "text"; a template: whole.')
    ],
    template: Annotated[
        bool, typer.Option(help="The file is one template that an app may send.")
    ] = False,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
) -> None:
    """Load a data set, or a template that is allowed."""
    content = file.read_text("utf-8")
    texts = [content] if template else [_text(line) for line in content.split("\n") if line.strip()]
    with connected(address, token, ca) as client:
        made = client.load_reference_set(name, texts, allowed_template=template)
    typer.echo(f"{name}: {made.items} items")


@references_app.command("list")
def list_sets(
    address: AddressOption = DEFAULT_ADDRESS, token: TokenOption = None, ca: CaOption = None
) -> None:
    """List the reference sets."""
    with connected(address, token, ca) as client:
        sets = client.list_reference_sets()
    table = Table(title=f"{len(sets)} reference sets", title_justify="left")
    for column in ("set", "kind", "items", "loaded"):
        table.add_column(column)
    for held in sets:
        table.add_row(held.reference_set_id, _kind(held), str(held.items), when(held.create_time))
    console().print(table)


@references_app.command()
def delete(
    name: Annotated[str, typer.Argument(help="Id of the set.")],
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
) -> None:
    """Delete a reference set."""
    with connected(address, token, ca) as client:
        client.delete_reference_set(name)
    typer.echo(f"deleted {name}")


def _text(line: str) -> str:
    """Return the text of a line: JSON with "text", or the line itself."""
    if line.lstrip().startswith("{"):
        row = json.loads(line)
        if isinstance(row.get("text"), str):
            return str(row["text"])
        raise typer.BadParameter('a JSON line lacks "text"')
    return line


def _kind(held: ReferenceSet) -> str:
    name = ReferenceSetKind.Name(held.kind)
    return name.removeprefix("REFERENCE_SET_KIND_").lower()
