"""Commands with which campaigns leave the house, and partners' reports come in."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from simsvc.cli.connect import FOUND, Server, asks
from simsvc.cli.show import add_row, console, inert, plain, print_json, table_of, when, word
from simsvc.client import IndicatorKind, IndicatorMatch, Tlp

_SHOWN = 20
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
indicators_app = typer.Typer(
    no_args_is_help=True, help="What partners tell of campaigns: import, list, match, delete."
)


class Form(enum.StrEnum):
    """See `ExportFormat`."""

    STIX = "stix"
    CSV = "csv"
    HTML = "html"


class Marking(enum.StrEnum):
    """See `Tlp`."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"


@asks
def export(
    server: Server,
    campaign_id: Annotated[str, typer.Argument(help="The campaign's id.")],
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.STIX,
    out: Annotated[
        Path | None, typer.Option(help="File to write; without it, the name that it suggests.")
    ] = None,
    tlp: Annotated[Marking, typer.Option(help="With whom it may be shared on.")] = Marking.AMBER,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a campaign for others: no prompts, no names of this house."""
    _refuse_to_replace(out, force)
    with server.client() as client:
        made = client.export_campaign(campaign_id, form.value, tlp.value)
    # The server names the file; it does not choose the folder.
    path = out or Path(_UNSAFE.sub("_", Path(made.file_name).name).lstrip(".") or campaign_id)
    _refuse_to_replace(path, force)
    path.write_bytes(made.content)
    if server.json:
        made.ClearField("content")
        print_json(made)
    else:
        typer.echo(f"{plain(str(path))}: {len(made.content)} bytes, TLP:{tlp.value.upper()}")


@indicators_app.command("import")
@asks
def import_indicators(
    server: Server,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A partner's STIX 2.1 bundle.")
    ],
) -> None:
    """Take in a partner's bundle and look for it. Exit code 4 if it is found in own traffic."""
    with server.client() as client:
        taken = client.import_indicators(file.read_bytes())
    if server.json:
        print_json(taken)
    else:
        typer.echo(f"{len(taken.indicators)} indicators; {taken.passed_over} other objects")
        for indicator_id in taken.withdrawn_indicator_ids:
            typer.echo(f"{plain(indicator_id)} is withdrawn by the partner, and deleted")
        for key_id in sorted({i.key_id for i in taken.indicators if not i.key_known}):
            typer.echo(
                f"the key {plain(key_id)} is not among sharing_keys: nothing can match", err=True
            )
        _show(taken.matches, taken.prompts_looked_at)
    if taken.matches:
        raise typer.Exit(FOUND)


@indicators_app.command("list")
@asks
def list_indicators(server: Server) -> None:
    """List what partners have told."""
    with server.client() as client:
        held = client.list_indicators().indicators
    if server.json:
        for indicator in held:
            print_json(indicator)
        return
    columns = ("indicator", "kind", "name", "from", "marking", "key", "valid until")
    table = table_of(
        f"{len(held)} indicators", *columns, wrapped=("name", "from", "key", "valid until"),
        spare=("valid until", "key", "marking", "from", "kind"),
    )  # fmt: skip
    for i in held:
        kind = word(IndicatorKind.Name, i.kind, "INDICATOR_KIND_")
        marking = f"TLP:{word(Tlp.Name, i.tlp, 'TLP_').replace('_', '+').upper()}"
        until = when(i.valid_until) if i.HasField("valid_until") else "-"
        key = inert(i.key_id if i.key_known else f"{i.key_id} (not known here)")
        told, producer = inert(i.name), inert(i.producer)
        add_row(table, inert(i.indicator_id), kind, told, producer, marking, key, until)
    console().print(table)


@indicators_app.command()
@asks
def match(
    server: Server,
    indicator_ids: Annotated[list[str] | None, typer.Argument(help="Only these.")] = None,
) -> None:
    """Look for indicators in the newest prompts. Exit code 4 if any is found."""
    with server.client() as client:
        found = client.match_indicators(indicator_ids or ())
    if server.json:
        print_json(found)
    else:
        _show(found.matches, found.prompts_looked_at)
        if found.prompts_without_text:
            typer.echo(f"{found.prompts_without_text} prompts have no text to look at", err=True)
        if passed_over := len(found.passed_over_indicator_ids):
            text = "indicators were not looked for: they hold no more, or their key is not here"
            typer.echo(f"{passed_over} {text}", err=True)
    if found.matches:
        raise typer.Exit(FOUND)


@indicators_app.command()
@asks
def delete(
    server: Server, indicator_id: Annotated[str, typer.Argument(help="The indicator's id.")]
) -> None:
    """Forget an indicator."""
    with server.client() as client:
        client.delete_indicator(indicator_id)
    server.tell_deleted(indicator_id)


def _refuse_to_replace(path: Path | None, force: bool) -> None:
    if path is not None and path.exists() and not force:
        raise typer.BadParameter(f"{path} is there already: give --force to replace it")


def _show(matches: Sequence[IndicatorMatch], looked_at: int) -> None:
    console().print(f"{len(matches)} found in the newest {looked_at} prompts")
    for found in matches:
        title = (
            f"{plain(found.indicator_name)}: {found.prompts} prompts of "
            f"{len(found.accounts)} accounts, {100 * found.part:.0f}% ± "
            f"{100 * found.standard_error:.0f}% of it; campaigns: "
            f"{', '.join(found.campaign_ids) or 'none'}"
        )
        table = table_of(title, "account", "prompts", "largest part")
        for account in found.accounts[:_SHOWN]:
            part = f"{100 * account.best_part:.0f}%"
            add_row(table, account.account, str(account.prompts), part)
        console().print(table)
