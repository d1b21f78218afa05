"""Commands that ask a running server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
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
from simsvc.cli.insights import activity_rows, frames_panel, twins_table
from simsvc.cli.show import (
    campaign_panel,
    campaigns_table,
    console,
    inert,
    matches_table,
    payload,
    short,
    when,
)
from simsvc.client import CampaignChange, Client, StoredPrompt

campaigns_app = typer.Typer(no_args_is_help=True, help="Campaigns: list, show, watch.")
_EXAMPLES = 5


def search(
    text: Annotated[str | None, typer.Argument(help="A payload to compare with.")] = None,
    prompt: Annotated[str | None, typer.Option(help="A recorded prompt's id instead.")] = None,
    account: Annotated[
        str | None, typer.Option(help="Only this account (id or pseudonym).")
    ] = None,
    organization: Annotated[str | None, typer.Option(help="Only this organisation.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Observed at or after, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Observed before, UTC.")] = None,
    min_similarity: Annotated[float | None, typer.Option(help="Least cosine similarity.")] = None,
    limit: Annotated[int, typer.Option(help="Accounts shown.")] = 20,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Find similar prompts, grouped by account."""
    if (text is None) == (prompt is None):
        raise typer.BadParameter("give either a text or --prompt ID")
    with connected(address, token, ca) as client:
        response = client.search(
            text=text,
            prompt_id=prompt,
            account_id=account,
            organization_id=organization,
            start=_utc(since),
            end=_utc(until),
            min_similarity=min_similarity,
            page_size=limit,
        )
    if json:
        _print_json(response)
    else:
        console().print(matches_table(response))


def account(
    account_id: Annotated[str, typer.Argument(help="Raw id or pseudonym.")],
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Show what is known of one account: volume, breadth, frames, twins, campaigns."""
    with connected(address, token, ca) as client:
        found = client.get_account(account_id)
        activity = client.account_activity(account_id)
        recent = [] if json else [client.get_prompt(i) for i in found.recent_prompt_ids[:_EXAMPLES]]
    if json:
        _print_json(found)
        _print_json(activity)
        return
    table = Table(title=f"Account {found.account}", title_justify="left", show_header=False)
    table.add_row("prompts", f"{found.prompts} ({found.distinct_payloads} distinct)")
    table.add_row("first, last", f"{when(found.first_observed_at)}, {when(found.last_observed_at)}")
    table.add_row("organisations", ", ".join(short(o) for o in found.organizations) or "-")
    table.add_row("campaigns", ", ".join(found.campaign_ids) or "-")
    for name, text in activity_rows(activity):
        table.add_row(name, text)
    for prompt in recent:
        table.add_row(f"prompt {prompt.prompt_id}", payload(prompt))
    console().print(table, *([twins_table(activity)] if activity.twins else []))


def check(
    account_ids: Annotated[list[str], typer.Argument(help="Raw ids or pseudonyms.")],
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Say which accounts are in an open campaign. Exit code 4 if any is."""
    with connected(address, token, ca) as client:
        checks = client.check_accounts(account_ids)
    for account_id, found in zip(account_ids, checks, strict=True):
        if json:
            _print_json(found)
        else:
            campaigns = ", ".join(found.campaign_ids) or "in no open campaign"
            console().print(inert(account_id), Text(campaigns), sep="  ")
    if any(found.in_open_campaign for found in checks):
        raise typer.Exit(4)


def status(
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a server is and how it stands."""
    with connected(address, token, ca) as client:
        info = client.server_info()
    if json:
        _print_json(info)
        return
    table = Table(
        title=f"simsvc {info.version} at {address}", title_justify="left", show_header=False
    )
    table.add_row("model", f"{info.generation.model} ({info.generation.dimension} dimensions)")
    table.add_row("weights", f"SHA-256 {info.generation.model_sha256}")
    table.add_row("generation", info.generation.generation_id)
    index = info.index
    table.add_row("index", f"{index.prompts} prompts in {index.segments} segments, lag {index.lag}")
    table.add_row("snapshot", f"up to prompt {index.snapshot_checkpoint}")
    seen = info.detection
    counted = f"{seen.accounts} accounts, {seen.families} families"
    table.add_row("seen", counted)
    table.add_row("open campaigns", str(seen.open_campaigns))
    days = seen.history.ToTimedelta().total_seconds() / 86400
    enough = "sufficient" if seen.history_sufficient else "insufficient data"
    table.add_row("history", f"{days:.1f} days before the window: {enough}")
    console().print(table)


@campaigns_app.command("list")
def list_campaigns(
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List campaigns, latest change first."""
    with connected(address, token, ca) as client:
        campaigns = list(client.list_campaigns())
    if json:
        for campaign in campaigns:
            _print_json(campaign)
    else:
        console().print(campaigns_table(campaigns))


@campaigns_app.command("show")
def show_campaign(
    campaign_id: Annotated[str, typer.Argument(help="The campaign's id.")],
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Show a campaign: evidence for and against, typical prompts, frames, accounts."""
    with connected(address, token, ca) as client:
        campaign = client.get_campaign(campaign_id)
        if json:
            _print_json(campaign)
            return
        examples = typical_prompts(client, campaign.representative_prompt_ids)
        frames = client.campaign_frames(campaign_id)
    console().print(campaign_panel(campaign, examples, frames_panel(frames)))


@campaigns_app.command("watch")
def watch_campaigns(
    resume: Annotated[str, typer.Option(help="Token to go on from.")] = "",
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Print changes of campaigns as they happen, until interrupted."""
    with connected(address, token, ca) as client:
        for event in client.watch_campaigns(resume):
            if json:
                _print_json(event)
                continue
            change = CampaignChange.Name(event.change).removeprefix("CAMPAIGN_CHANGE_").lower()
            line = f"{when(event.change_time)} {event.campaign.campaign_id} {change}: "
            console().print(Text(line + event.campaign.summary))


def typical_prompts(client: Client, prompt_ids: Sequence[str]) -> list[StoredPrompt]:
    """Read the first few of a campaign's representative prompts."""
    return [client.get_prompt(prompt_id) for prompt_id in prompt_ids[:_EXAMPLES]]


def _utc(when: datetime | None) -> datetime | None:
    return when.replace(tzinfo=UTC) if when else None


def _print_json(message: Message) -> None:
    typer.echo(MessageToJson(message, indent=None, preserving_proto_field_name=True))
