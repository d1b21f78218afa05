"""The command `simsvc calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simsvc.cli.connect import JsonOption
from simsvc.domain.errors import SimsvcError
from simsvc.settings import Settings

_CANNOT = 2
_NONE: list[str] = []


def calibrate(
    confirmed: Annotated[
        list[str],
        typer.Option(
            help="Campaign that counts as confirmed, beside those that are; may be repeated."
        ),
    ] = _NONE,
    dismissed: Annotated[
        list[str], typer.Option(help="Campaign to count as dismissed, beside those that are.")
    ] = _NONE,
    out: Annotated[
        Path | None, typer.Option(help="Also write it to a file, for `simsvc scan`.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Store nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Learn nulls and thresholds from the recorded traffic; servers use them once restarted."""
    # Loads the model, for which the other commands need not wait.
    from simsvc.calibrate import UnknownCampaignError, calibrate_record, describe  # noqa: PLC0415

    try:
        made = calibrate_record(Settings(), confirmed, dismissed, store=not dry_run)
    except (UnknownCampaignError, SimsvcError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(_CANNOT) from error
    if out:
        out.write_text(made.to_json() + "\n", "utf-8")
    typer.echo(made.to_json() if as_json else describe(made))
