"""Commands with which people decide about campaigns."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from simsvc.cli.connect import Server, asks
from simsvc.cli.show import (
    add_row,
    console,
    inert,
    print_json,
    state_name,
    table_of,
    when,
    whole,
    word,
)
from simsvc.client import AuditEntry, Campaign, Client, Verdict

P = ParamSpec("P")


class Reason(enum.StrEnum):
    """See `DismissalReason`."""

    SHARED_APP = "shared_app"
    EDUCATION = "education"
    BENCHMARK = "benchmark"
    VIRAL = "viral"
    ONE_CUSTOMER = "one_customer"
    INTERNAL = "internal"
    CHANCE = "chance"
    OTHER = "other"


CampaignArgument = Annotated[str, typer.Argument(help="The campaign's id.")]
CommentOption = Annotated[str, typer.Option(help="Why; kept in the audit log.")]
EtagOption = Annotated[
    str,
    typer.Option(
        help="Review etag that the decision rests on (`show --json`: review.etag); without it, "
        "that of the campaign as it is now."
    ),
]
review_app = typer.Typer(
    no_args_is_help=True,
    help="Decide about a campaign: assign, comment, confirm, dismiss, reopen, exclude, undo, "
    "history.",
)


@review_app.command()
@asks
def assign(
    server: Server,
    campaign_id: CampaignArgument,
    assignee: Annotated[str, typer.Argument(help='Name of a token\'s holder; "" for nobody.')],
    etag: EtagOption = "",
) -> None:
    """Name who looks after a campaign."""
    _decide(server, campaign_id, etag, Client.assign_campaign, assignee)


@review_app.command()
@asks
def comment(
    server: Server,
    campaign_id: CampaignArgument,
    text: Annotated[str, typer.Argument(help="The remark.")],
    etag: EtagOption = "",
) -> None:
    """Add a remark."""
    _decide(server, campaign_id, etag, Client.comment_campaign, text)


@review_app.command()
@asks
def confirm(
    server: Server,
    campaign_id: CampaignArgument,
    comment: CommentOption = "",
    etag: EtagOption = "",
) -> None:
    """Say that a campaign is what it is reported to be."""
    _decide(server, campaign_id, etag, Client.confirm_campaign, comment)


@review_app.command()
@asks
def dismiss(
    server: Server,
    campaign_id: CampaignArgument,
    reason: Annotated[Reason, typer.Option(help="Why it is none.")],
    comment: CommentOption = "",
    etag: EtagOption = "",
) -> None:
    """Say that a campaign is none; it does not come back without new evidence."""
    _decide(server, campaign_id, etag, Client.dismiss_campaign, reason.value, comment)


@review_app.command()
@asks
def reopen(
    server: Server,
    campaign_id: CampaignArgument,
    comment: CommentOption = "",
    etag: EtagOption = "",
) -> None:
    """Take a confirmation or dismissal back."""
    _decide(server, campaign_id, etag, Client.reopen_campaign, comment)


@review_app.command()
@asks
def exclude(
    server: Server,
    campaign_id: CampaignArgument,
    account: Annotated[str, typer.Argument(help="Raw id or pseudonym.")],
    comment: CommentOption = "",
    etag: EtagOption = "",
) -> None:
    """Take an account out of a campaign for good."""
    _decide(server, campaign_id, etag, Client.exclude_account, account, comment)


@review_app.command()
@asks
def undo(
    server: Server,
    campaign_id: CampaignArgument,
    entry_id: Annotated[str, typer.Argument(help="Entry of `history`.")],
    etag: EtagOption = "",
) -> None:
    """Take one review back."""
    _decide(server, campaign_id, etag, Client.undo_review, entry_id)


@review_app.command()
@asks
def history(server: Server, campaign_id: CampaignArgument) -> None:
    """List what was decided about a campaign, newest first."""
    with server.client() as client:
        show_entries(list(client.reviews(campaign_id)), as_json=server.json)


@asks
def merge(
    server: Server,
    campaign_id: CampaignArgument,
    merged: Annotated[list[str], typer.Argument(help="Campaigns that become part of it.")],
    comment: CommentOption = "",
    etag: EtagOption = "",
) -> None:
    """Let other campaigns become part of one."""
    _decide(server, campaign_id, etag, Client.merge_campaigns, merged, comment)


@asks
def split(
    server: Server,
    campaign_id: CampaignArgument,
    accounts: Annotated[
        list[str] | None, typer.Argument(help="Raw ids or pseudonyms of members.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A file with one of them a line."),
    ] = None,
    comment: CommentOption = "",
    etag: EtagOption = "",
) -> None:
    """Make a campaign of its own of some members."""
    chosen = list(accounts or ())
    if file is not None:
        chosen += [line.strip() for line in file.read_text("utf-8").split("\n") if line.strip()]
    if not chosen:
        raise typer.BadParameter("name accounts, or a --file of them")
    _decide(server, campaign_id, etag, Client.split_campaign, chosen, comment)


def show_entries(entries: list[AuditEntry], *, as_json: bool) -> None:
    """Print entries of the audit log."""
    if as_json:
        for entry in entries:
            print_json(entry)
        return
    columns = ("entry", "time", "who", "what", "about", "change", "remark")
    table = table_of(
        f"{len(entries)} entries", *columns,
        wrapped=("time", "who", "what", "about", "change", "remark"), spare=("change", "remark"),
    )  # fmt: skip
    for entry in entries:
        add_row(
            table,
            entry.entry_id,
            when(entry.time),
            inert(entry.principal),
            _action(entry),
            inert(" ".join(part for part in (entry.campaign_id, entry.subject) if part)),
            inert(_change(entry)),
            inert(entry.comment),
        )
    console().print(table)


def _decide(
    server: Server,
    campaign_id: str,
    etag: str,
    call: Callable[Concatenate[Client, Campaign, P], Campaign],
    *values: P.args,
    **named: P.kwargs,
) -> None:
    """Decide about a campaign as it was when it had this etag, "" for as it is; show it."""
    with server.client() as client:
        campaign = client.get_campaign(campaign_id)
        if etag:
            campaign.review.etag = etag
        _tell(call(client, campaign, *values, **named), as_json=server.json)


def _tell(campaign: Campaign, *, as_json: bool) -> None:
    if as_json:
        print_json(campaign)
        return
    verdict = word(Verdict.Name, campaign.review.verdict, "VERDICT_")
    told = {"none": "not judged"}.get(verdict, verdict)
    assignee = campaign.review.assignee or "nobody"
    line = (
        f"{campaign.campaign_id}: {state_name(campaign)}, {told}, {campaign.account_count} "
        f"accounts, looked after by {assignee}"
    )
    console().print(whole(line), soft_wrap=True)


def _action(entry: AuditEntry) -> str:
    text = entry.action
    if entry.undone_by:
        text += f" (undone by {entry.undone_by})"
    if entry.undoes:
        text += f" of {entry.undoes}"
    return text


def _change(entry: AuditEntry) -> str:
    """Say what was before and after, where they differ."""
    before, after = _values(entry.before), _values(entry.after)
    names = [name for name in after if before.get(name) != after[name]]
    return ", ".join(f"{name}: {before.get(name)} → {after[name]}" for name in names)


def _values(text: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text) if text else {}
    return values
