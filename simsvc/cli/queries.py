"""Commands that ask a running server."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Annotated

import typer

from simsvc.cli.connect import FOUND, Server, asks
from simsvc.cli.insights import activity_rows, frames_panel, twins_table
from simsvc.cli.show import (
    add_row,
    campaign_panel,
    campaigns_table,
    console,
    inert,
    payload,
    print_json,
    table_of,
    when,
    whole,
    word,
)
from simsvc.client import CampaignChange, Client, StoredPrompt

campaigns_app = typer.Typer(
    no_args_is_help=True, help="Campaigns: list, show, watch, review, merge, split, export."
)
_EXAMPLES = 5


class State(enum.StrEnum):
    """See `CampaignState`."""

    OPEN = "open"
    QUIET = "quiet"
    MERGED = "merged"
    DISMISSED = "dismissed"


class Sure(enum.StrEnum):
    """See `Confidence`."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Judged(enum.StrEnum):
    """See `Verdict`."""

    NONE = "none"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class Order(enum.StrEnum):
    """See `ListCampaignsRequest.order_by`."""

    UPDATE_TIME = "update_time"
    CONFIDENCE = "confidence"
    ACCOUNTS = "accounts"
    PROMPTS = "prompts"
    NEW_ACCOUNTS = "new_accounts"
    LAST_SEEN = "last_seen"


@asks
def account(
    server: Server, account_id: Annotated[str, typer.Argument(help="Raw id or pseudonym.")]
) -> None:
    """Show what is known of one account: volume, breadth, frames, twins, campaigns."""
    with server.client() as client:
        found = client.get_account(account_id)
        activity = client.account_activity(account_id)
        if server.json:
            print_json(found)
            print_json(activity)
            return
        recent = [client.get_prompt(i) for i in found.recent_prompt_ids[:_EXAMPLES]]
    title = f"Account {found.account}"
    table = table_of(title, "what", "told", wrapped=("told",), header=False)
    first, last = when(found.first_observed_at), when(found.last_observed_at)
    add_row(table, "prompts", f"{found.prompts} ({found.distinct_payloads} distinct)")
    add_row(table, "first, last", f"{first}, {last}")
    add_row(table, "organisations", ", ".join(found.organizations) or "-")
    add_row(table, "campaigns", ", ".join(found.campaign_ids) or "-")
    for name, text in activity_rows(activity):
        add_row(table, name, text)
    for prompt in recent:
        add_row(table, f"prompt {prompt.prompt_id}", payload(prompt))
    console().print(table, *([twins_table(activity)] if activity.twins else []))


@asks
def check(
    server: Server, account_ids: Annotated[list[str], typer.Argument(help="Raw ids or pseudonyms.")]
) -> None:
    """Say which accounts are in an open campaign. Exit code 4 if any is."""
    with server.client() as client:
        checks = client.check_accounts(account_ids)
    for account_id, found in zip(account_ids, checks, strict=True):
        if server.json:
            print_json(found)
        else:
            campaigns = ", ".join(found.campaign_ids) or "in no open campaign"
            console().print(inert(account_id), whole(campaigns), sep="  ")
    if any(found.in_open_campaign for found in checks):
        raise typer.Exit(FOUND)


@asks
def status(server: Server) -> None:
    """Show what a server is and how it stands."""
    with server.client() as client:
        info = client.server_info()
    if server.json:
        print_json(info)
        return
    title = f"simsvc {info.version} at {server.address}"
    table = table_of(title, "what", "told", wrapped=("told",), header=False)
    add_row(table, "model", f"{info.generation.model} ({info.generation.dimension} dimensions)")
    add_row(table, "weights", f"SHA-256 {info.generation.model_sha256}")
    add_row(table, "generation", info.generation.generation_id)
    index = info.index
    add_row(
        table, "index", f"{index.prompts} prompts in {index.segments} segments, lag {index.lag}"
    )
    add_row(table, "snapshot", f"up to prompt {index.snapshot_checkpoint}")
    seen = info.detection
    counted = f"{seen.accounts} accounts, {seen.families} families"
    add_row(table, "seen", counted)
    add_row(table, "open campaigns", str(seen.open_campaigns))
    waiting = f"{seen.prompts_not_looked_at} prompts, {seen.unconfirmed_groups} groups seen once"
    add_row(table, "to be looked at", waiting)
    days = seen.history.ToTimedelta().total_seconds() / 86400
    enough = "sufficient" if seen.history_sufficient else "insufficient data"
    add_row(table, "history", f"{days:.1f} days before the window: {enough}")
    console().print(table)


@campaigns_app.command("list")
@asks
def list_campaigns(
    server: Server,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    min_confidence: Annotated[Sure | None, typer.Option(help="At least as sure.")] = None,
    verdict: Annotated[Judged | None, typer.Option(help="Only with this verdict.")] = None,
    assignee: Annotated[str, typer.Option(help="Only what this token's holder looks after.")] = "",
    order_by: Annotated[
        Order, typer.Option(help="The largest and the latest come first.")
    ] = Order.UPDATE_TIME,
) -> None:
    """List campaigns, latest change first unless told otherwise."""
    with server.client() as client:
        campaigns = list(
            client.list_campaigns(
                state=state,
                min_confidence=min_confidence,
                verdict=verdict,
                assignee=assignee,
                order_by=order_by,
            )
        )
    if server.json:
        for campaign in campaigns:
            print_json(campaign)
    else:
        console().print(campaigns_table(campaigns))


@campaigns_app.command("show")
@asks
def show_campaign(
    server: Server, campaign_id: Annotated[str, typer.Argument(help="The campaign's id.")]
) -> None:
    """Show a campaign: evidence for and against, typical prompts, frames, accounts."""
    with server.client() as client:
        campaign = client.get_campaign(campaign_id)
        if server.json:
            print_json(campaign)
            return
        examples = typical_prompts(client, campaign.representative_prompt_ids)
        frames = client.campaign_frames(campaign_id)
    console().print(campaign_panel(campaign, examples, frames_panel(frames)))


@campaigns_app.command("watch")
@asks
def watch_campaigns(
    server: Server, resume: Annotated[str, typer.Option(help="Token to go on from.")] = ""
) -> None:
    """Print changes of campaigns as they happen, until interrupted."""
    with server.client() as client:
        for event in client.watch_campaigns(resume):
            if server.json:
                print_json(event)
                continue
            change = word(CampaignChange.Name, event.change, "CAMPAIGN_CHANGE_")
            line = f"{when(event.change_time)} {event.campaign.campaign_id} {change}: "
            console().print(whole(line + event.campaign.summary))


def typical_prompts(client: Client, prompt_ids: Sequence[str]) -> list[StoredPrompt]:
    """Read the first few of a campaign's representative prompts."""
    return [client.get_prompt(prompt_id) for prompt_id in prompt_ids[:_EXAMPLES]]
