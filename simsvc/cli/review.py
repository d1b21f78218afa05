"""Commands with which people decide about campaigns."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToJson
from rich.table import Table
from rich.text import Text

from simsvc.cli.connect import (
    DEFAULT_ADDRESS,
    AddressOption,
    CaOption,
    JsonOption,
    TokenOption,
    connected,
)
from simsvc.cli.show import console, inert, state_name, when
from simsvc.client import AuditEntry, Campaign, Client, Verdict


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
    help="Decide about a campaign: assign, comment, confirm, dismiss, reopen, exclude, undo.",
)


@review_app.command()
def assign(
    campaign_id: CampaignArgument,
    assignee: Annotated[str, typer.Argument(help='Name of a token\'s holder; "" for nobody.')],
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Name who looks after a campaign."""
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.assign_campaign(seen, assignee), as_json=json)


@review_app.command()
def comment(
    campaign_id: CampaignArgument,
    text: Annotated[str, typer.Argument(help="The remark.")],
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Add a remark."""
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.comment_campaign(seen, text), as_json=json)


@review_app.command()
def confirm(
    campaign_id: CampaignArgument,
    comment: CommentOption = "",
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Say that a campaign is what it is reported to be."""
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.confirm_campaign(seen, comment), as_json=json)


@review_app.command()
def dismiss(
    campaign_id: CampaignArgument,
    reason: Annotated[Reason, typer.Option(help="Why it is none.")],
    comment: CommentOption = "",
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Say that a campaign is none; it does not come back without new evidence."""
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.dismiss_campaign(seen, reason.value, comment), as_json=json)


@review_app.command()
def reopen(
    campaign_id: CampaignArgument,
    comment: CommentOption = "",
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Take a confirmation or dismissal back."""
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.reopen_campaign(seen, comment), as_json=json)


@review_app.command()
def exclude(
    campaign_id: CampaignArgument,
    account: Annotated[str, typer.Argument(help="Raw id or pseudonym.")],
    comment: CommentOption = "",
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Take an account out of a campaign for good."""
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.exclude_account(seen, account, comment), as_json=json)


@review_app.command()
def undo(
    campaign_id: CampaignArgument,
    entry_id: Annotated[str, typer.Argument(help="Entry of `history`.")],
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Take one review back."""
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.undo_review(seen, entry_id), as_json=json)


@review_app.command()
def history(
    campaign_id: CampaignArgument,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List what was decided about a campaign, newest first."""
    with connected(address, token, ca) as client:
        show_entries(list(client.reviews(campaign_id)), as_json=json)


def merge(
    campaign_id: CampaignArgument,
    merged: Annotated[list[str], typer.Argument(help="Campaigns that become part of it.")],
    comment: CommentOption = "",
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Let other campaigns become part of one."""
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.merge_campaigns(seen, merged, comment), as_json=json)


def split(
    campaign_id: CampaignArgument,
    accounts: Annotated[
        list[str] | None, typer.Argument(help="Raw ids or pseudonyms of members.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file with one of them a line.")] = None,
    comment: CommentOption = "",
    etag: EtagOption = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Make a campaign of its own of some members."""
    chosen = list(accounts or ())
    if file is not None:
        chosen += [line.strip() for line in file.read_text("utf-8").split("\n") if line.strip()]
    if not chosen:
        raise typer.BadParameter("name accounts, or a --file of them")
    with connected(address, token, ca) as client:
        seen = _seen(client, campaign_id, etag)
        _tell(client.split_campaign(seen, chosen, comment), as_json=json)


def show_entries(entries: list[AuditEntry], *, as_json: bool) -> None:
    """Print entries of the audit log."""
    if as_json:
        for entry in entries:
            typer.echo(MessageToJson(entry, indent=None, preserving_proto_field_name=True))
        return
    table = Table(title=f"{len(entries)} entries", title_justify="left")
    for name in ("entry", "time", "who", "what", "about", "change", "remark"):
        table.add_column(name, no_wrap=name in ("entry", "time", "what"))
    for entry in entries:
        table.add_row(
            entry.entry_id,
            when(entry.time),
            inert(entry.principal),
            _action(entry),
            inert(" ".join(part for part in (entry.campaign_id, entry.subject) if part)),
            inert(_change(entry)),
            inert(entry.comment),
        )
    console().print(table)


def _seen(client: Client, campaign_id: str, etag: str) -> Campaign:
    """Return the campaign that is decided about, with the etag that the caller has seen."""
    campaign = client.get_campaign(campaign_id)
    if etag:
        campaign.review.etag = etag
    return campaign


def _tell(campaign: Campaign, *, as_json: bool) -> None:
    if as_json:
        typer.echo(MessageToJson(campaign, indent=None, preserving_proto_field_name=True))
        return
    verdict = Verdict.Name(campaign.review.verdict).removeprefix("VERDICT_").lower()
    told = {"none": "not judged"}.get(verdict, verdict)
    assignee = inert(campaign.review.assignee).plain or "nobody"
    line = (
        f"{campaign.campaign_id}: {state_name(campaign)}, {told}, {campaign.account_count} "
        f"accounts, looked after by {assignee}"
    )
    console().print(Text(line), soft_wrap=True)


def _action(entry: AuditEntry) -> Text:
    text = inert(entry.action)
    if entry.undone_by:
        text.append(f" (undone by {entry.undone_by})")
    if entry.undoes:
        text.append(f" of {entry.undoes}")
    return text


def _change(entry: AuditEntry) -> str:
    """Say what was before and after, where they differ."""
    before, after = _values(entry.before), _values(entry.after)
    names = [name for name in after if before.get(name) != after[name]]
    return ", ".join(f"{name}: {before.get(name)} → {after[name]}" for name in names)


def _values(text: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text) if text else {}
    return values
