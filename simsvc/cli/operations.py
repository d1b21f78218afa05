"""Commands about what takes long: reindexes and activations."""

from __future__ import annotations

from typing import Annotated

import typer

from simsvc.cli.connect import Server, asks
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
@asks
def list_operations(server: Server) -> None:
    """List all operations, newest first."""
    with server.client() as client:
        operations = client.operations()
    for operation in operations:
        typer.echo(to_json(operation) if server.json else line_of(operation))


@operations_app.command()
@asks
def show(server: Server, name: NameArgument) -> None:
    """Show how far an operation is, and what it has made."""
    with server.client() as client:
        show_operation(client.operation(_full(name)), as_json=server.json)


@operations_app.command()
@asks
def wait(
    server: Server,
    name: NameArgument,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds; none: until it is done.")
    ] = None,
) -> None:
    """Wait until an operation is done. Exit code 1 if it failed, or is not done in time."""
    with server.client() as client:
        ended = awaited(client, _full(name), timeout, as_json=server.json)
    show_operation(ended, as_json=server.json)
    if not ended.done or ended.error is not None:
        raise typer.Exit(_NOT_DONE)


@operations_app.command()
@asks
def cancel(server: Server, name: NameArgument) -> None:
    """Ask an operation to stop, and show it. One that has ended stays as it is."""
    with server.client() as client:
        client.cancel_operation(_full(name))
        show_operation(client.operation(_full(name)), as_json=server.json)


def _full(name: str) -> str:
    return name if name.startswith(_PREFIX) else f"{_PREFIX}{name}"
