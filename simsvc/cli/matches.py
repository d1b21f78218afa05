"""Similar prompts, grouped by account as the server does, or otherwise from what it returned."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from rich.console import RenderableType
from rich.text import Text

from simsvc.cli.show import add_row, payload, table_of, when
from simsvc.cli.values import values_of
from simsvc.client import AccountMatches, Match, SearchPromptsResponse

_TIMES = ("first", "last", "observed")
_COUNTS = ("accounts", "prompts")


class GroupBy(enum.StrEnum):
    """What a row of similar prompts is."""

    ACCOUNT = "account"
    ORGANIZATION = "organization"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class OrganizationMatches:
    """Accounts of one organisation, most similar first; "" is one account without any."""

    organization: str
    accounts: tuple[AccountMatches, ...]

    @property
    def prompts(self) -> int:
        """Matching prompts of its accounts."""
        return sum(group.match_count for group in self.accounts)


def gathered(pages: Iterable[SearchPromptsResponse], limit: int) -> SearchPromptsResponse:
    """Return one page of so many groups, reading no more pages than it takes. One there must be."""
    reading = iter(pages)
    whole = next(reading)
    while len(whole.groups) < limit and (page := next(reading, None)) is not None:
        whole.groups.extend(page.groups)
        whole.next_page_token = page.next_page_token
    del whole.groups[limit:]
    return whole


def by_organization(groups: Iterable[AccountMatches]) -> list[OrganizationMatches]:
    """Return groups of accounts, ordered by their most similar prompt as the accounts were."""
    found: dict[str, list[AccountMatches]] = {}
    for group in groups:
        # Accounts without an organisation have nothing in common.
        found.setdefault(group.organization or f"account {group.account}", []).append(group)
    return [OrganizationMatches(of[0].organization, tuple(of)) for of in found.values()]


def by_prompt(groups: Iterable[AccountMatches]) -> list[Match]:
    """Return the prompts of all groups, most similar first."""
    matches = (match for group in groups for match in group.matches)
    return sorted(matches, key=lambda match: -match.similarity)


def matches_json(response: SearchPromptsResponse, group_by: GroupBy) -> str:
    """Return a page as JSON on a line."""
    told = values_of(response)
    if group_by is not GroupBy.ACCOUNT:
        told |= {"group_by": group_by.value, "accounts_returned": len(response.groups)}
        del told["groups"]
    match group_by:
        case GroupBy.ORGANIZATION:
            told["organizations"] = [
                {"organization": o.organization, "prompts": o.prompts, "groups": _all(o.accounts)}
                for o in by_organization(response.groups)
            ]
        case GroupBy.PROMPT:
            told["matches"] = _all(by_prompt(response.groups))
    return json.dumps(told)


def matches_table(response: SearchPromptsResponse, group_by: GroupBy) -> RenderableType:
    """Return a page of matches, a row for each account, organisation or prompt."""
    columns, rows = {
        GroupBy.ACCOUNT: (("account", "prompts", "first", "last"), _account_rows),
        GroupBy.ORGANIZATION: (("organisation", "accounts", "prompts", "last"), _organization_rows),
        GroupBy.PROMPT: (("prompt", "account", "observed"), _prompt_rows),
    }[group_by]
    text = "text" if group_by is GroupBy.PROMPT else "most similar"
    times = tuple(name for name in columns if name in _TIMES)
    table = table_of(
        _title(response, group_by), "similarity", *columns, text, wrapped=(*times, text),
        spare=(*times, *(name for name in columns if name in _COUNTS)),
    )  # fmt: skip
    for row in rows(response.groups):
        add_row(table, *row)
    return table


def _title(response: SearchPromptsResponse, group_by: GroupBy) -> str:
    title = (
        f"{response.total_prompts} similar prompts of {response.total_accounts} accounts "
        f"({response.total_actors} with organisations collapsed)"
    )
    shown = len(response.groups)
    if group_by is GroupBy.ACCOUNT:
        return title
    of = "shown prompts of" if group_by is GroupBy.PROMPT else "by organisation:"
    return f"{title}; {of} the {shown} most similar accounts, regrouped here"


def _account_rows(groups: Sequence[AccountMatches]) -> Iterator[Sequence[str | Text]]:
    for group in groups:
        account, count = group.account, str(group.match_count)
        times = when(group.first_observed_at), when(group.last_observed_at)
        yield f"{group.best_similarity:.3f}", account, count, *times, _best(group)


def _organization_rows(groups: Sequence[AccountMatches]) -> Iterator[Sequence[str | Text]]:
    for found in by_organization(groups):
        best = found.accounts[0]
        last = max(found.accounts, key=lambda g: g.last_observed_at.ToNanoseconds())
        name = found.organization or f"none ({best.account})"
        counts = str(len(found.accounts)), str(found.prompts)
        yield f"{best.best_similarity:.3f}", name, *counts, when(last.last_observed_at), _best(best)


def _prompt_rows(groups: Sequence[AccountMatches]) -> Iterator[Sequence[str | Text]]:
    for match in by_prompt(groups):
        prompt = match.prompt
        named = prompt.prompt_id, prompt.account, when(prompt.observed_at)
        yield f"{match.similarity:.3f}", *named, payload(prompt)


def _best(group: AccountMatches) -> Text:
    return payload(group.matches[0].prompt) if group.matches else Text("(no longer kept)")


def _all(messages: Iterable[Message]) -> list[dict[str, Any]]:
    return [values_of(message) for message in messages]
