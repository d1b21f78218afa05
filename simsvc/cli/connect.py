"""How a command reaches the server, and how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from simsvc.client import Client, Connection, SimsvcRpcError

_UNREACHABLE = 3
_REFUSED = 1

AddressOption = Annotated[
    str, typer.Option("--address", envvar="SIMSVC_ADDRESS", help="Address of the server.")
]
TokenOption = Annotated[
    str | None, typer.Option("--token", envvar="SIMSVC_TOKEN", help="Bearer token.")
]
CaOption = Annotated[
    Path | None,
    typer.Option("--ca", envvar="SIMSVC_CA", help="PEM authorities of the server; turns TLS on."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
DEFAULT_ADDRESS = "127.0.0.1:50551"


@contextmanager
def connected(address: str, token: str | None, ca: Path | None) -> Iterator[Client]:
    """Open a client; turn a failed call into one line and an exit code.

    3: the server could not be reached or is not ready. 1: it refused the call.
    """
    connection = Connection(address, token, ca.read_bytes() if ca else None)
    try:
        with Client(connection) as client:
            yield client
    except SimsvcRpcError as error:
        typer.echo(f"error: {error.code.name}: {error.message}", err=True)
        unreachable = error.code.name in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
        raise typer.Exit(_UNREACHABLE if unreachable else _REFUSED) from error
