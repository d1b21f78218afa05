"""Answers as tables. Prompt texts are somebody's input: they are shown inert."""

from __future__ import annotations

import math
from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simsvc.client import (
    Campaign,
    CampaignState,
    Confidence,
    Role,
    SearchPromptsResponse,
    StoredPrompt,
    TextState,
)

_EXCERPT = 110
_MEMBERS = 20
_REASONS = 1


def inert(text: str, width: int = _EXCERPT) -> Text:
    """Return a text on one line, without control characters or markup, cut to a width."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return Text(line if len(line) <= width else f"{line[: width - 1]}…")


def payload(prompt: StoredPrompt) -> Text:
    """Return the last user message of a prompt, or why it cannot be shown."""
    if prompt.text_state == TextState.TEXT_STATE_NOT_STORED:
        return Text("(text not stored)", style="dim")
    if prompt.text_state == TextState.TEXT_STATE_KEY_MISSING:
        return Text("(encrypted under a key that the server does not have)", style="dim")
    said = [m.content for m in prompt.messages if m.role == Role.ROLE_USER]
    return inert(said[-1] if said else "")


def when(stamp: Timestamp) -> str:
    """Return a time to the minute, UTC."""
    return stamp.ToDatetime().strftime("%Y-%m-%d %H:%M")


def odds(log_p: float) -> str:
    """Return a natural-log p-value as a power of ten."""
    return f"p = 10^{log_p / math.log(10):.1f}" if log_p < 0 else "-"


def matches_table(response: SearchPromptsResponse) -> RenderableType:
    """Return a page of matches, a row an account."""
    title = (
        f"{response.total_prompts} similar prompts of {response.total_accounts} accounts "
        f"({response.total_actors} with organisations collapsed)"
    )
    table = Table(title=title, title_justify="left")
    for name in ("similarity", "account", "prompts", "first", "last", "most similar"):
        table.add_column(name, no_wrap=name != "most similar")
    for group in response.groups:
        text = payload(group.matches[0].prompt) if group.matches else Text("(no longer kept)")
        table.add_row(
            f"{group.best_similarity:.3f}",
            short(group.account),
            str(group.match_count),
            when(group.first_observed_at),
            when(group.last_observed_at),
            text,
        )
    return table


def campaigns_table(campaigns: Sequence[Campaign]) -> RenderableType:
    """Return campaigns, a row each."""
    table = Table(title=f"{len(campaigns)} campaigns", title_justify="left")
    for name in (
        "campaign",
        "confidence",
        "state",
        "accounts",
        "prompts",
        "last seen",
        "reported",
        "tactics",
    ):
        table.add_column(name, no_wrap=True)
    for campaign in campaigns:
        table.add_row(
            campaign.campaign_id,
            confidence_name(campaign),
            state_name(campaign),
            str(campaign.account_count),
            str(campaign.prompt_count),
            when(campaign.last_seen),
            when(campaign.first_reported_at),
            ", ".join(campaign.tactics),
        )
    return table


def campaign_panel(
    campaign: Campaign, examples: Sequence[StoredPrompt], *more: RenderableType
) -> RenderableType:
    """Return all about one campaign: what was seen, the evidence, examples, `more`, accounts."""
    parts: list[RenderableType] = [
        Text(campaign.summary),
        Text(f"First reported {when(campaign.first_reported_at)} UTC.\n", style="dim"),
        _evidence(campaign),
        *_coverage(campaign),
        *_against(campaign),
        *(Text(f"- {step}") for step in campaign.next_steps),
        Text(""),
        _examples(examples),
        *more,
        _members(campaign),
    ]
    title = f"campaign {campaign.campaign_id} ({confidence_name(campaign)}, {state_name(campaign)})"
    return Panel(Group(*parts), title=title, title_align="left")


def short(account: str) -> str:
    """Return enough of a pseudonym to tell accounts apart."""
    return account[:17]


def confidence_name(campaign: Campaign) -> str:
    """Return the confidence in lower case."""
    return Confidence.Name(campaign.confidence).removeprefix("CONFIDENCE_").lower()


def state_name(campaign: Campaign) -> str:
    """Return the state in lower case."""
    return CampaignState.Name(campaign.state).removeprefix("CAMPAIGN_STATE_").lower()


def _evidence(campaign: Campaign) -> Table:
    table = Table(title="Evidence", title_justify="left")
    for name in ("signal", "seen", "expected", "chance if innocent", "in words"):
        table.add_column(name, no_wrap=name != "in words")
    for evidence in campaign.evidence:
        table.add_row(
            evidence.signal,
            f"{evidence.value:.2f}",
            f"{evidence.expected:.2f}",
            odds(evidence.log_p_value),
            Text(evidence.description),
        )
    return table


def _coverage(campaign: Campaign) -> list[RenderableType]:
    if not campaign.HasField("coverage"):
        return []
    seen = campaign.coverage
    size = f", of at least {seen.estimated_size} in all" if seen.estimated_size else ""
    share = 100 * seen.unseen_share
    text = f"Coverage: {seen.distinct} items{size}; the next is new with {share:.0f}% chance.\n"
    return [Text(text)]


def _against(campaign: Campaign) -> list[RenderableType]:
    if not campaign.counter_evidence:
        return []
    lines = [Text(f"- {words}") for words in campaign.counter_evidence]
    return [Text("What speaks against it", style="italic"), *lines, Text("")]


def _examples(examples: Sequence[StoredPrompt]) -> Table:
    table = Table(title="Typical prompts", title_justify="left")
    for name in ("prompt", "account", "observed", "text"):
        table.add_column(name, no_wrap=name != "text")
    for prompt in examples:
        account, at = short(prompt.account), when(prompt.observed_at)
        table.add_row(prompt.prompt_id, account, at, payload(prompt))
    return table


def _members(campaign: Campaign) -> Table:
    shown = campaign.members[:_MEMBERS]
    more = len(campaign.members) - len(shown)
    title = f"Accounts ({len(campaign.members)})" + (f", the first {_MEMBERS}" if more else "")
    table = Table(title=title, title_justify="left")
    for name in ("account", "organisation", "belongs", "prompts", "last seen", "because"):
        table.add_column(name, no_wrap=name != "because")
    for member in shown:
        table.add_row(
            member.account,
            short(member.organization) or "-",
            f"{member.attribution_probability:.2f}",
            str(member.prompts),
            when(member.last_seen),
            Text("; ".join(member.reasons[:_REASONS])),
        )
    return table


def console() -> Console:
    """Return the terminal; wide enough to be read when it is a file."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=140)
