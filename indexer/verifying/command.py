"""The command `simsvc-indexer verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import typer

from indexer.failing import CannotError
from indexer.reading import opened
from indexer.reindexing.parts import Workshop
from indexer.verifying.check import Checker
from indexer.verifying.faults import CHECKED, Checked
from indexer.verifying.repair import Mender
from indexer.verifying.tell import lines_of, report_of
from simsvc.ports.generation import Generation
from simsvc.record.reading import RecordReader
from simsvc.settings import Settings

_FAULTS = 1


def verify_command(
    generation: Annotated[
        str, typer.Option(help="The one to check; without it all that serve, could, or did.")
    ] = "",
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is found.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Check vectors, families and index snapshots against the record, and name what is wrong.

    A server may run meanwhile; nothing is written. With --repair, vectors are embedded again with
    the generation's model, rows without a prompt and unknown segments are deleted, and an index
    that is damaged or disagrees is rebuilt from the record: that of the generation that serves
    only while no server runs. What is reported then is what remains.

    Exit code 0: nothing found. 1: faults found, or left. 2: it could not run.
    """
    settings = Settings()
    mended: tuple[Sequence[str], Sequence[str]] = ((), ())
    with opened(settings, generation, as_json=as_json) as reader:
        found = _check(Checker(settings, reader.catalogue, reader.jobs, reader.of), generation)
        if repair and any(checked.faults for checked in found):
            found, mended = _mend(settings, found, reader)
    if as_json:
        typer.echo(json.dumps(report_of(found, *mended)))
    else:
        for line in [*mended[0], *(line for checked in found for line in lines_of(checked))]:
            typer.echo(line)
    for line in mended[1]:
        typer.echo(f"not repaired: {line}", err=True)
    if any(checked.faults for checked in found):
        raise typer.Exit(_FAULTS)


def _check(checker: Checker, generation: str) -> list[Checked]:
    return [checker.check(one) for one in _wanted(checker, generation)]


def _wanted(checker: Checker, generation: str) -> list[Generation]:
    named = checker.catalogue.generation(generation) if generation else None
    if named is None:
        return checker.generations()
    if named.state not in CHECKED:
        # One that is being built, or was given up, need not be whole.
        raise CannotError(f"{generation} is {named.state.name.lower()}: nothing to check")
    return [named]


def _mend(
    settings: Settings, found: Sequence[Checked], reader: RecordReader
) -> tuple[list[Checked], tuple[list[str], list[str]]]:
    """Mend all that was found, and check it again."""
    with closing(Workshop.open(settings)) as shop:
        database = shop.database
        mender = Mender(shop, Checker(settings, database.catalogue, database.jobs, shop.record))
        for checked in found:
            if checked.faults:
                mender.mend(checked)
    checker = Checker(settings, reader.catalogue, reader.jobs, reader.of)
    names = {checked.generation.generation_id for checked in found}
    again = [checker.check(g) for g in checker.generations() if g.generation_id in names]
    return again, (mender.done, mender.refused)
