"""What `--help` says of groups of commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from indexer.cli import app as indexer
from simsvc.main import cli


def groups(of: TyperGroup) -> Iterator[TyperGroup]:
    for command in of.commands.values():
        if isinstance(command, TyperGroup):
            yield command
            yield from groups(command)


def test_a_group_names_all_of_its_commands() -> None:
    found = list(groups(typer.main.get_group(cli)))
    assert len(found) > 5
    for group in found:
        _, _, named = (group.help or "").rstrip(".").partition(": ")
        assert set(named.split(", ")) == set(group.commands), group.name


@pytest.mark.parametrize(
    ("app", "about"),
    [(cli, "Find coordinated data set extraction in"), (indexer, "Batch jobs beside a server")],
)
def test_help_begins_with_what_it_is_for(app: typer.Typer, about: str) -> None:
    told = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    _, _, text = told.partition("COMMAND [ARGS]... ")
    assert text.startswith(about)
