"""Commands about the audit log."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from simsvc.cli.connect import FOUND, Server, asks
from simsvc.cli.review import show_entries
from simsvc.cli.show import plain, print_json

audit_app = typer.Typer(no_args_is_help=True, help="The audit log: list, verify.")

# Reviews, look-ups, what is shared, reference sets, then generations; the server may know more.
_ACTIONS = (
    "assign", "comment", "confirm", "dismiss", "reopen", "exclude", "merge", "split", "undo",
    "search", "prompt", "account", "activity", "frames",
    "export", "import", "match", "forget",
    "load_set", "delete_set",
    "start_reindex", "cancel_operation", "activate", "roll_back", "delete_generation",
)  # fmt: skip


def _actions(incomplete: str) -> list[str]:
    return [action for action in _ACTIONS if action.startswith(incomplete)]


@audit_app.command("list")
@asks
def list_entries(
    server: Server,
    principal: Annotated[str, typer.Option(help="Only what this token's holder did.")] = "",
    action: Annotated[
        str,
        typer.Option(help='Only this, such as "dismiss" or "search".', autocompletion=_actions),
    ] = "",
    campaign: Annotated[str, typer.Option(help="Only about this campaign.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Entries shown.")] = 50,
) -> None:
    """List reviews and look-ups, newest first."""
    with server.client() as client:
        entries = client.audit_entries(
            principal=principal, action=action, campaign_id=campaign, page_size=min(limit, 200)
        )
        show_entries(list(islice(entries, limit)), as_json=server.json)


@audit_app.command()
@asks
def verify(
    server: Server,
    head: Annotated[
        str, typer.Option(help="Hash that was the newest once: it must still be in the log.")
    ] = "",
) -> None:
    """Check the hash chain of the audit log. Exit code 4 if it is broken.

    Note the head that it prints where whoever can write to the record cannot: with --head, a log
    that was cut off behind that entry is found too.
    """
    with server.client() as client:
        report = client.verify_audit_log()
        held = not head or any(e.hash == head for e in client.audit_entries(page_size=200))
    if server.json:
        print_json(report)
    else:
        typer.echo(f"{report.entries} entries checked, head {plain(report.head) or '-'}")
        if report.unchained:
            typer.echo(f"{report.unchained} of them are older than the chain: nothing checks them")
    if report.first_broken_entry_id:
        typer.echo(f"broken from entry {plain(report.first_broken_entry_id)} on", err=True)
        raise typer.Exit(FOUND)
    if not held:
        typer.echo("cut off: the log does not hold the given head", err=True)
        raise typer.Exit(FOUND)
