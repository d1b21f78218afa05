"""A prompt, its three views, and what was found out about it."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

MICROSECONDS = 1_000_000


class Role(enum.IntEnum):
    """Who speaks in a message; the numbers are those of the wire."""

    SYSTEM = 1
    DEVELOPER = 2
    USER = 3
    ASSISTANT = 4
    TOOL = 5


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A validated prompt. `observed_at` is in microseconds since the epoch, UTC."""

    request_id: str
    account_id: str
    observed_at: int
    messages: tuple[Message, ...]
    organization_id: str = ""
    model: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    def digest(self) -> bytes:
        """Return 16 bytes that stand for the account and the messages.

        Times and marks are left out: a caller who retries may stamp them anew.
        """
        body = [self.account_id, self.organization_id, [[m.role, m.content] for m in self.messages]]
        return _digest(json.dumps(body, ensure_ascii=False, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class Views:
    """The three views of a prompt (detection.md).

    `frame` is the instruction that repeats while the payload varies: the system and developer
    messages. `payload` is the last user message, which is what is embedded. `prefix` stands for
    the conversation before it.
    """

    frame: str
    payload: str
    prefix: tuple[Message, ...]


def views_of(messages: tuple[Message, ...]) -> Views:
    """Split a conversation into its views. At least one message must be the user's."""
    last_user = max(i for i, m in enumerate(messages) if m.role is Role.USER)
    frame = "\n\n".join(m.content for m in messages if m.role in (Role.SYSTEM, Role.DEVELOPER))
    return Views(frame, messages[last_user].content, messages[:last_user])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found out about a prompt when it arrived. See `Outcome` in types.proto."""

    seq: int
    nearest_similarity: float
    family_accounts: int
    windows: int
    capped: bool
    campaign_id: str = ""


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
