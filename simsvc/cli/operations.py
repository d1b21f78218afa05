"""Commands about what takes long: reindexes and activations."""

from __future__ import annotations

from typing import Annotated

import typer

from simsvc.cli.connect import (
    DEFAULT_ADDRESS,
    AddressOption,
    CaOption,
    JsonOption,
    TokenOption,
    connected,
)
from simsvc.cli.following import awaited, line_of, show_operation, to_json

operations_app = typer.Typer(
    no_args_is_help=True, help="What takes long: list, show, wait, cancel."
)
NameArgument = Annotated[
    str, typer.Argument(help='The operation\'s name; "operations/" may be left out.')
]
_PREFIX = "operations/"
_NOT_DONE = 1


@operations_app.command("list")
def list_operations(
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List all operations, newest first."""
    with connected(address, token, ca) as client:
        operations = client.operations()
    for operation in operations:
        typer.echo(to_json(operation) if json else line_of(operation))


@operations_app.command()
def show(
    name: NameArgument,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Show how far an operation is, and what it has made."""
    with connected(address, token, ca) as client:
        show_operation(client.operation(_full(name)), as_json=json)


@operations_app.command()
def wait(
    name: NameArgument,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds; none: until it is done.")
    ] = None,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Wait until an operation is done. Exit code 1 if it failed, or is not done in time."""
    with connected(address, token, ca) as client:
        ended = awaited(client, _full(name), timeout, as_json=json)
    show_operation(ended, as_json=json)
    if not ended.done or ended.error is not None:
        raise typer.Exit(_NOT_DONE)


@operations_app.command()
def cancel(
    name: NameArgument,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Ask an operation to stop, and show it. One that has ended stays as it is."""
    with connected(address, token, ca) as client:
        client.cancel_operation(_full(name))
        show_operation(client.operation(_full(name)), as_json=json)


def _full(name: str) -> str:
    return name if name.startswith(_PREFIX) else f"{_PREFIX}{name}"
