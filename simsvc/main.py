"""The entry point: the commands of `cli`, and those that need a server's parts."""

from __future__ import annotations

import gc
import os
from tomllib import TOMLDecodeError
from typing import NoReturn

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from simsvc.cli.app import app as cli
from simsvc.console.command import console
from simsvc.demo.command import demo
from simsvc.rpc.address import UnsafeAddressError, check_address
from simsvc.scan.calibrating import calibrate
from simsvc.scan.command import scan
from simsvc.settings import Settings

_CANNOT_START = 2

cli.command()(demo)
cli.command()(scan)
cli.command()(calibrate)
cli.command()(console)


@cli.command()
def serve() -> None:
    """Run the server with the settings from SIMSVC_… and the file in SIMSVC_CONFIG."""
    try:
        settings = Settings()
        tls = settings.tls_certificate is not None
        check_address(settings.listen, tls=tls, tokens=bool(settings.tokens))
    except ValidationError as error:
        _fail("; ".join(map(_told, error.errors())))
    except SettingsError as error:
        _fail(f"{error}: what has several values is written as JSON")
    except (UnsafeAddressError, FileNotFoundError, TOMLDecodeError) as error:
        _fail(str(error))
    # Prompts are in what it writes: nobody else may read that.
    os.umask(0o077)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _fail(f"data_dir: {error}")
    # OpenMP threads that wait by spinning take the cores from the threads they wait for: on two
    # busy cores the model was seven times slower. Read when torch is loaded, which takes seconds
    # that the other commands need not wait for.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Until the service has recovered all that is made stays: see `collecting`.
    gc.disable()
    from simsvc.run import StartError, run  # noqa: PLC0415

    try:
        run(settings)
    except StartError as error:
        _fail(str(error))


def _told(error: ErrorDetails) -> str:
    """Say what is wrong with a setting; what several do not agree on has no name of its own."""
    name = ".".join(map(str, error["loc"]))
    text = error["msg"].removeprefix("Value error, ")
    return f"{name}: {text}" if name else text


def _fail(reason: str) -> NoReturn:
    typer.echo(f"error: {reason}", err=True)
    raise typer.Exit(_CANNOT_START)


if __name__ == "__main__":
    cli()
