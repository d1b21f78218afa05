"""Commands about the audit log."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from simsvc.cli.connect import (
    DEFAULT_ADDRESS,
    AddressOption,
    CaOption,
    JsonOption,
    TokenOption,
    connected,
)
from simsvc.cli.review import show_entries

audit_app = typer.Typer(no_args_is_help=True, help="The audit log: list, verify.")
_BROKEN = 4


@audit_app.command("list")
def list_entries(
    principal: Annotated[str, typer.Option(help="Only what this token's holder did.")] = "",
    action: Annotated[str, typer.Option(help='Only this, such as "dismiss" or "search".')] = "",
    campaign: Annotated[str, typer.Option(help="Only about this campaign.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Entries shown.")] = 50,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List reviews and look-ups, newest first."""
    with connected(address, token, ca) as client:
        entries = client.audit_entries(
            principal=principal, action=action, campaign_id=campaign, page_size=min(limit, 200)
        )
        show_entries(list(islice(entries, limit)), as_json=json)


@audit_app.command()
def verify(
    head: Annotated[
        str, typer.Option(help="Hash that was the newest once: it must still be in the log.")
    ] = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Check the hash chain of the audit log. Exit code 4 if it is broken.

    Note the head that it prints where whoever can write to the record cannot: with --head, a log
    that was cut off behind that entry is found too.
    """
    with connected(address, token, ca) as client:
        report = client.verify_audit_log()
        held = not head or any(e.hash == head for e in client.audit_entries(page_size=200))
    if json:
        typer.echo(MessageToJson(report, indent=None, preserving_proto_field_name=True))
    else:
        typer.echo(f"{report.entries} entries checked, head {report.head or '-'}")
        if report.unchained:
            typer.echo(f"{report.unchained} of them are older than the chain: nothing checks them")
    if report.first_broken_entry_id:
        typer.echo(f"broken from entry {report.first_broken_entry_id} on", err=True)
        raise typer.Exit(_BROKEN)
    if not held:
        typer.echo("cut off: the log does not hold the given head", err=True)
        raise typer.Exit(_BROKEN)
