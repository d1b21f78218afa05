"""Commands with which campaigns leave the house, and partners' reports come in."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from rich.table import Table

from simsvc.cli.connect import (
    DEFAULT_ADDRESS,
    AddressOption,
    CaOption,
    JsonOption,
    TokenOption,
    connected,
)
from simsvc.cli.show import console, inert, short, when
from simsvc.client import IndicatorKind, IndicatorMatch, Tlp

_SHOWN = 20
_FOUND = 4
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


def export(
    campaign_id: Annotated[str, typer.Argument(help="The campaign's id.")],
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.STIX,
    out: Annotated[
        Path | None, typer.Option(help="File to write; without it, the name that it suggests.")
    ] = None,
    tlp: Annotated[Marking, typer.Option(help="With whom it may be shared on.")] = Marking.AMBER,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Write a campaign for others: no prompts, no names of this house."""
    _refuse_to_replace(out, force)
    with connected(address, token, ca) as client:
        made = client.export_campaign(campaign_id, form.value, tlp.value)
    # The server names the file; it does not choose the folder.
    path = out or Path(Path(made.file_name).name)
    _refuse_to_replace(path, force)
    path.write_bytes(made.content)
    if json:
        made.ClearField("content")
        _print_json(made)
    else:
        typer.echo(f"{path}: {len(made.content)} bytes, TLP:{tlp.value.upper()}")


@indicators_app.command("import")
def import_indicators(
    file: Annotated[Path, typer.Argument(help="A partner's STIX 2.1 bundle.")],
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Take in a partner's bundle and look for it. Exit code 4 if it is found in own traffic."""
    with connected(address, token, ca) as client:
        taken = client.import_indicators(file.read_bytes())
    if json:
        _print_json(taken)
    else:
        typer.echo(f"{len(taken.indicators)} indicators; {taken.passed_over} other objects")
        for key_id in sorted({i.key_id for i in taken.indicators if not i.key_known}):
            named = inert(key_id).plain
            typer.echo(f"the key {named} is not among sharing_keys: nothing can match", err=True)
        _show(taken.matches, taken.prompts_looked_at)
    if taken.matches:
        raise typer.Exit(_FOUND)


@indicators_app.command("list")
def list_indicators(
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List what partners have told."""
    with connected(address, token, ca) as client:
        held = client.list_indicators().indicators
    if json:
        for indicator in held:
            _print_json(indicator)
        return
    table = Table(title=f"{len(held)} indicators", title_justify="left")
    for name in ("indicator", "kind", "name", "from", "marking", "key", "valid until"):
        table.add_column(name)
    for i in held:
        kind = IndicatorKind.Name(i.kind).removeprefix("INDICATOR_KIND_").lower()
        marking = f"TLP:{Tlp.Name(i.tlp).removeprefix('TLP_').replace('_', '+')}"
        until = when(i.valid_until) if i.HasField("valid_until") else "-"
        key = inert(i.key_id if i.key_known else f"{i.key_id} (not known here)")
        told, producer = inert(i.name), inert(i.producer)
        table.add_row(inert(i.indicator_id), kind, told, producer, marking, key, until)
    console().print(table)


@indicators_app.command()
def match(
    indicator_ids: Annotated[list[str] | None, typer.Argument(help="Only these.")] = None,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Look for indicators in the newest prompts. Exit code 4 if any is found."""
    with connected(address, token, ca) as client:
        found = client.match_indicators(indicator_ids or ())
    if json:
        _print_json(found)
    else:
        _show(found.matches, found.prompts_looked_at)
        if found.prompts_without_text:
            typer.echo(f"{found.prompts_without_text} prompts have no text to look at", err=True)
    if found.matches:
        raise typer.Exit(_FOUND)


@indicators_app.command()
def delete(
    indicator_id: Annotated[str, typer.Argument(help="The indicator's id.")],
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
) -> None:
    """Forget an indicator."""
    with connected(address, token, ca) as client:
        client.delete_indicator(indicator_id)
    typer.echo(f"deleted {indicator_id}")


def _refuse_to_replace(path: Path | None, force: bool) -> None:
    if path is not None and path.exists() and not force:
        raise typer.BadParameter(f"{path} is there already: give --force to replace it")


def _show(matches: Sequence[IndicatorMatch], looked_at: int) -> None:
    console().print(f"{len(matches)} found in the newest {looked_at} prompts")
    for found in matches:
        title = (
            f"{inert(found.indicator_name).plain}: {found.prompts} prompts of "
            f"{len(found.accounts)} accounts, {100 * found.part:.0f}% ± "
            f"{100 * found.standard_error:.0f}% of it; campaigns: "
            f"{', '.join(found.campaign_ids) or 'none'}"
        )
        table = Table(title=title, title_justify="left")
        for name in ("account", "prompts", "largest part"):
            table.add_column(name)
        for account in found.accounts[:_SHOWN]:
            part = f"{100 * account.best_part:.0f}%"
            table.add_row(short(account.account), str(account.prompts), part)
        console().print(table)


def _print_json(message: Message) -> None:
    typer.echo(MessageToJson(message, indent=None, preserving_proto_field_name=True))
