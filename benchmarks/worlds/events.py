"""Events with known truth, and the files that `simsvc scan` and the score read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

DAY = 86400.0
_EPOCH = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
_ANSWER = "…"


@dataclass(frozen=True, slots=True)
class Item:
    """What is asked: earlier user turns, the turn itself, a system prompt."""

    text: str
    earlier: tuple[str, ...] = ()
    system: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """An item at a time (seconds from the start) by an account.

    `campaign` names the campaign that the prompt belongs to, "" for none.
    """

    at: float
    account: str
    item: Item
    campaign: str = ""
    organization: str = ""


@dataclass(slots=True)
class World:
    """All traffic, and what each account is.

    `kinds` says "organic", the confounder or "campaign"; `members` the accounts of each campaign.
    """

    sent: list[Sent] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: str, sent: Iterable[Sent]) -> None:
        """Add accounts of one kind."""
        for one in sent:
            self.sent.append(one)
            self.kinds[one.account] = kind
            if kind == "campaign":
                self.members.setdefault(one.account.rpartition("-")[0], set()).add(one.account)

    def write(self, path: Path) -> None:
        """Write the events in order of time, one JSON object a line."""
        self.sent.sort(key=lambda one: (one.at, one.account))
        with path.open("w", encoding="utf-8") as file:
            for number, one in enumerate(self.sent):
                file.write(json.dumps(_event(number, one), ensure_ascii=False) + "\n")


def messages_of(item: Item) -> list[dict[str, str]]:
    """Return an item as the messages of a request: the earlier turns with answers between."""
    messages = [{"role": "system", "content": item.system}] if item.system else []
    for turn in item.earlier:
        messages += [{"role": "user", "content": turn}, {"role": "assistant", "content": _ANSWER}]
    return [*messages, {"role": "user", "content": item.text}]


def turns_of(conversation: Sequence[str]) -> list[Item]:
    """Return a conversation as the requests that it is made of."""
    return [Item(text, tuple(conversation[:i])) for i, text in enumerate(conversation)]


def _event(number: int, one: Sent) -> dict[str, object]:
    event: dict[str, object] = {
        "request_id": f"r{number}",
        "account_id": one.account,
        "observed_at": datetime.fromtimestamp(_EPOCH + one.at, UTC).isoformat(),
        "messages": messages_of(one.item),
    }
    if one.organization:
        event["organization_id"] = one.organization
    return event
