"""`simsvc console`: serves the console until SIGTERM or Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from simsvc.domain.addresses import is_loopback

_CANNOT_START = 2
DEFAULT_LISTEN = "127.0.0.1:8551"


def console(
    address: Annotated[
        str, typer.Option(envvar="SIMSVC_ADDRESS", help="Address of the server.")
    ] = "127.0.0.1:50551",
    listen: Annotated[
        str, typer.Option(help="Address of the console, host:port.")
    ] = DEFAULT_LISTEN,
    ca: Annotated[
        Path | None,
        typer.Option(envvar="SIMSVC_CA", help="PEM authorities of the server; turns TLS to it on."),
    ] = None,
    client_certificate: Annotated[
        Path | None,
        typer.Option(envvar="SIMSVC_CERT", help="PEM chain for a server with mutual TLS."),
    ] = None,
    client_key: Annotated[
        Path | None, typer.Option(envvar="SIMSVC_KEY", help="PEM private key of that.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM chain of the console; with --tls-key turns TLS on.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM private key of that.")] = None,
    log_format: Annotated[
        str, typer.Option(envvar="SIMSVC_LOG_FORMAT", help="json or text.")
    ] = "json",
    beside: Annotated[
        bool, typer.Option(hidden=True, help="End when the input does, which a server holds.")
    ] = False,
) -> None:
    """Serve the web console of a running server. Its readers sign in with their own tokens."""
    if (tls_certificate is None) != (tls_key is None):
        _fail("--tls-certificate and --tls-key go together")
    if not is_loopback(listen) and tls_certificate is None:
        _fail(f"{listen} is not a loopback address: give --tls-certificate and --tls-key")
    try:
        from simsvc.console.serve import ConsoleOptions, serve  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is missing: install simsvc[console]")
    try:
        serve(
            ConsoleOptions(
                address=address,
                listen=listen,
                ca=_content(ca),
                client_certificate=_content(client_certificate),
                client_key=_content(client_key),
                tls_certificate=tls_certificate,
                tls_key=tls_key,
                log_format=log_format,
                beside=beside,
            )
        )
    except (OSError, ValueError) as error:
        _fail(str(error))


def _content(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None


def _fail(reason: str) -> NoReturn:
    typer.echo(f"error: {reason}", err=True)
    raise typer.Exit(_CANNOT_START)
