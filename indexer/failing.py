"""How a command fails: one line on standard error, as JSON where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy.exc import DBAPIError

from simsvc.cli.connect import failure
from simsvc.domain.errors import SimsvcError

CANNOT = 2


class CannotError(Exception):
    """What was asked for cannot be done."""


@contextmanager
def failing(*, as_json: bool) -> Iterator[None]:
    """Turn what goes wrong into one line and exit code 2."""
    try:
        yield
    except (CannotError, SimsvcError, DBAPIError, OSError) as error:
        typer.echo(failure(error, as_json=as_json), err=True)
        raise typer.Exit(CANNOT) from error
