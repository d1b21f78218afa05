"""Which server a command asks, and how a command fails."""

from __future__ import annotations

import functools
import inspect
import json as jsonlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Concatenate, ParamSpec

import typer

from simsvc.cli.show import plain
from simsvc.client import Client, Connection, SimsvcRpcError

REFUSED, UNREACHABLE, FOUND = 1, 3, 4
# What gRPC says where a server ends a connection before a call.
_CLOSED = ("Socket closed", "Connection reset")
_P = ParamSpec("_P")

AddressOption = Annotated[
    str, typer.Option("--address", envvar="SIMSVC_ADDRESS", help="Address of the server.")
]
TokenOption = Annotated[
    str | None, typer.Option("--token", envvar="SIMSVC_TOKEN", help="Bearer token.")
]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        envvar="SIMSVC_CA",
        exists=True,
        dir_okay=False,
        help="PEM authorities of the server; turns TLS on.",
    ),
]
CertOption = Annotated[
    Path | None,
    typer.Option(
        "--cert",
        envvar="SIMSVC_CERT",
        exists=True,
        dir_okay=False,
        help="PEM certificate of the caller, for mutual TLS; turns TLS on.",
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key", envvar="SIMSVC_KEY", exists=True, dir_okay=False, help="PEM key of --cert."
    ),
]
TlsOption = Annotated[
    bool, typer.Option("--tls", envvar="SIMSVC_TLS", help="TLS with the authorities of gRPC.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
DEFAULT_ADDRESS = "127.0.0.1:50551"


@dataclass(frozen=True, slots=True)
class Server:
    """The server that a command asks, and whether it answers in JSON. See `asks`."""

    address: AddressOption = DEFAULT_ADDRESS
    token: TokenOption = None
    ca: CaOption = None
    cert: CertOption = None
    key: KeyOption = None
    tls: TlsOption = False
    json: JsonOption = False

    def connection(self) -> Connection:
        """Return how it is reached. OSError, ValueError: what was given cannot be used."""
        authorities, certificate, key = (
            path.read_bytes() if path else None for path in (self.ca, self.cert, self.key)
        )
        return Connection(self.address, self.token, authorities, certificate, key, self.tls)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Open a client; turn a failed call into one line on standard error and an exit code.

        3: the server could not be reached or is not ready. 1: it refused the call. 2: what was
        given cannot be sent.
        """
        try:
            with Client(self.connection()) as client:
                yield client
        except SimsvcRpcError as error:
            typer.echo(failure(error, as_json=self.json), err=True)
            unreachable = error.code.name in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
            if not self.json and any(words in error.message for words in _CLOSED):
                typer.echo(self._why_closed(), err=True)
            raise typer.Exit(UNREACHABLE if unreachable else REFUSED) from error
        except ValueError as error:
            raise typer.BadParameter(plain(str(error))) from error

    def _why_closed(self) -> str:
        """Return what a server may want that closes a connection as it is made: it says nothing."""
        if not (self.tls or self.ca or self.cert):
            return "hint: the server may want TLS: see --ca and --tls"
        if self.cert is None:
            return "hint: the server may want a client's certificate: see --cert and --key"
        return "hint: the server may not accept the certificate: who signed it, and until when?"

    def tell_deleted(self, name: str) -> None:
        """Say that something is deleted."""
        told = jsonlib.dumps({"deleted": name}) if self.json else f"deleted {plain(name)}"
        typer.echo(told)


def asks(command: Callable[Concatenate[Server, _P], None]) -> Callable[..., None]:
    """Return a command with an option for each field of `Server`, which it gets first."""
    signature = inspect.signature(command, eval_str=True)
    _, *own = signature.parameters.values()
    options = [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for option in inspect.signature(Server, eval_str=True).parameters.values()
    ]

    @functools.wraps(command)
    def asking(*args: _P.args, **given: _P.kwargs) -> None:
        server = Server(**{f.name: given.pop(f.name) for f in fields(Server)})  # type: ignore[arg-type]
        command(server, *args, **given)

    parameters = [*own, *options]
    # What typer reads.
    asking.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    asking.__annotations__ = {p.name: p.annotation for p in parameters}
    return asking


def failure(error: Exception, *, as_json: bool) -> str:
    """Return a line about a failed call, or about what has no code as no call failed."""
    if not as_json:
        return f"error: {plain(str(error))}"
    call = error if isinstance(error, SimsvcRpcError) else None
    told = {
        "code": call.code.name if call else None,
        "message": call.message if call else str(error),
        "reason": call.reason if call else "",
        "violations": [asdict(violation) for violation in call.violations] if call else [],
        "retry_after": call.retry_after if call else None,
    }
    return jsonlib.dumps({"error": told})
