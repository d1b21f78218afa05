"""The entry point: the commands of `cli`, and those that need a server's parts."""

from __future__ import annotations

import os

import typer

from simsvc.cli.app import app as cli
from simsvc.demo.command import demo
from simsvc.rpc.address import UnsafeAddressError, check_address
from simsvc.settings import Settings

cli.command()(demo)


@cli.command()
def serve() -> None:
    """Run the server with the settings from SIMSVC_… and the file in SIMSVC_CONFIG."""
    settings = Settings()
    tls = settings.tls_certificate is not None
    try:
        check_address(settings.listen, tls=tls, tokens=bool(settings.tokens))
    except UnsafeAddressError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    # OpenMP threads that wait by spinning take the cores from the threads they wait for: on two
    # busy cores the model was seven times slower. Read when torch is loaded, which takes seconds
    # that the other commands need not wait for.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from simsvc.run import run  # noqa: PLC0415

    run(settings)


if __name__ == "__main__":
    cli()
