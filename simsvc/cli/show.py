"""Answers as tables. What a server sends may be somebody's input: all of it is shown inert."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import typer
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from simsvc.cli.tables import Listing
from simsvc.cli.values import values_of
from simsvc.client import (
    Campaign,
    CampaignState,
    Confidence,
    Role,
    StoredPrompt,
    TextState,
    Verdict,
)

_EXCERPT = 110
_MEMBERS = 20
_REASONS = 1


def plain(text: str) -> str:
    """Return a text on one line, without what a terminal acts on.

    Not printable are controls (escape sequences), signs that turn the direction of writing, joiners
    and separators of lines: each becomes a space.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def whole(text: str) -> Text:
    """Return all of a text on one line, without control characters or markup."""
    return Text(plain(text))


def inert(text: str, width: int = _EXCERPT) -> Text:
    """Return a text on one line, without control characters or markup, cut to a width."""
    line = plain(text)
    return Text(line if len(line) <= width else f"{line[: width - 1]}…")


def table_of(
    title: str,
    *columns: str,
    wrapped: Sequence[str] = (),
    spare: Sequence[str] = (),
    header: bool = True,
) -> Listing:
    """Return an empty table, with columns as `Listing` has them. Fill it by `add_row`."""
    return Listing(whole(title), columns, wrapped, spare, header)


def add_row(table: Listing, *cells: str | Text) -> None:
    """Add a row, the strings in it as `whole`."""
    table.add_row([whole(cell) if isinstance(cell, str) else cell for cell in cells])


def word(name: Callable[[Any], str], value: int, prefix: str) -> str:
    """Return what `Name` of an enum calls a value, in lower case; a newer server has others."""
    try:
        return name(value).removeprefix(prefix).lower()
    except ValueError:
        return f"unknown ({value})"


def print_json(message: Message) -> None:
    """Print a message as JSON on a line, in ASCII."""
    typer.echo(json.dumps(values_of(message)))


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


def campaigns_table(campaigns: Sequence[Campaign]) -> RenderableType:
    """Return campaigns, a row each."""
    columns = ("campaign", "confidence", "state", "review", "accounts", "prompts", "last seen")
    table = table_of(
        f"{len(campaigns)} campaigns", *columns, "reported", "tactics",
        wrapped=("review", "last seen", "reported", "tactics"),
        spare=("reported", "last seen", "tactics", "review", "prompts"),
    )  # fmt: skip
    for campaign in campaigns:
        add_row(
            table,
            campaign.campaign_id,
            confidence_name(campaign),
            state_name(campaign),
            _review(campaign),
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
        whole(campaign.summary),
        Text(f"First reported {when(campaign.first_reported_at)} UTC.\n", style="dim"),
        _evidence(campaign),
        *_coverage(campaign),
        *_against(campaign),
        *(whole(f"- {step}") for step in campaign.next_steps),
        Text(""),
        _examples(examples),
        *more,
        _members(campaign),
    ]
    title = f"campaign {campaign.campaign_id} ({confidence_name(campaign)}, {state_name(campaign)})"
    return Panel(Group(*parts), title=whole(title), title_align="left")


def confidence_name(campaign: Campaign) -> str:
    """Return the confidence in lower case."""
    return word(Confidence.Name, campaign.confidence, "CONFIDENCE_")


def state_name(campaign: Campaign) -> str:
    """Return the state in lower case."""
    return word(CampaignState.Name, campaign.state, "CAMPAIGN_STATE_")


def _review(campaign: Campaign) -> str:
    """Return what people have decided, and who looks after it."""
    verdict = word(Verdict.Name, campaign.review.verdict, "VERDICT_")
    told = [] if verdict in ("none", "unspecified") else [verdict]
    return ", ".join([*told, *filter(None, [campaign.review.assignee])]) or "-"


def _evidence(campaign: Campaign) -> Listing:
    columns = ("signal", "seen", "expected", "chance if innocent", "in words")
    table = table_of("Evidence", *columns, wrapped=("in words",), spare=("expected",))
    for evidence in campaign.evidence:
        add_row(
            table,
            evidence.signal,
            f"{evidence.value:.2f}",
            f"{evidence.expected:.2f}",
            odds(evidence.log_p_value),
            evidence.description,
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
    lines = [whole(f"- {words}") for words in campaign.counter_evidence]
    return [Text("What speaks against it", style="italic"), *lines, Text("")]


def _examples(examples: Sequence[StoredPrompt]) -> Listing:
    columns = ("prompt", "account", "observed", "text")
    table = table_of(
        "Typical prompts", *columns, wrapped=("observed", "text"), spare=("observed", "account")
    )
    for prompt in examples:
        add_row(table, prompt.prompt_id, prompt.account, when(prompt.observed_at), payload(prompt))
    return table


def _members(campaign: Campaign) -> Listing:
    shown = campaign.members[:_MEMBERS]
    more = len(campaign.members) - len(shown)
    title = f"Accounts ({len(campaign.members)})" + (f", the first {_MEMBERS}" if more else "")
    columns = ("account", "organisation", "belongs", "prompts", "last seen", "because")
    table = table_of(
        title, *columns, wrapped=("last seen", "because"),
        spare=("organisation", "last seen", "prompts", "because"),
    )  # fmt: skip
    for member in shown:
        add_row(
            table,
            member.account,
            member.organization or "-",
            f"{member.attribution_probability:.2f}",
            str(member.prompts),
            when(member.last_seen),
            "; ".join(member.reasons[:_REASONS]),
        )
    return table


def console() -> Console:
    """Return the terminal; wide enough to be read when it is a file."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=140)
