"""Prompts as a backend has them, and their messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from simsvc.v1 import types_pb2

REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")
_ROLES = {
    "system": types_pb2.ROLE_SYSTEM,
    "developer": types_pb2.ROLE_DEVELOPER,
    "user": types_pb2.ROLE_USER,
    "assistant": types_pb2.ROLE_ASSISTANT,
    "tool": types_pb2.ROLE_TOOL,
}


@dataclass(frozen=True, slots=True)
class ObservedPrompt:
    """A prompt that an API backend saw. See `Prompt` in types.proto for the fields.

    `messages` are (role, content) with the roles "system", "developer", "user", "assistant" and
    "tool". `observed_at` needs a time zone; None means now.
    """

    request_id: str
    account_id: str
    messages: Sequence[tuple[str, str]]
    organization_id: str = ""
    observed_at: datetime | None = None
    model: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


def clean_text(text: str) -> str:
    """Return the text with U+FFFD for each NUL and each lone surrogate.

    Neither can be sent: the server refuses NUL, which its database cannot hold, and a lone
    surrogate has no UTF-8. Both are in real traffic ("\\u0000" and "\\ud800" are valid JSON), and
    a backend wants such a prompt observed all the same. Surrogates that make a pair become the
    character that they stand for.
    """
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if not text.isascii() and _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def prompt_message(prompt: ObservedPrompt, *, replace_bad_text: bool) -> types_pb2.Prompt:
    """Return a prompt as the wire has it.

    `replace_bad_text` puts the contents of messages, and nothing else, through `clean_text`.
    ValueError for an unknown role, a time without zone, or text that has no UTF-8.
    """
    return types_pb2.Prompt(
        request_id=prompt.request_id,
        account_id=prompt.account_id,
        organization_id=prompt.organization_id,
        observed_at=None if prompt.observed_at is None else timestamp(prompt.observed_at),
        model=prompt.model,
        messages=messages_of(prompt.messages, replace_bad_text=replace_bad_text),
        attributes=prompt.attributes,
    )


def messages_of(
    messages: Iterable[tuple[str, str]], *, replace_bad_text: bool
) -> list[types_pb2.Message]:
    """Return a conversation as the wire has it. Errors as in `prompt_message`."""
    return [
        types_pb2.Message(
            role=_role(role), content=clean_text(content) if replace_bad_text else content
        )
        for role, content in messages
    ]


def timestamp(when: datetime) -> Timestamp:
    """Return a time as the wire has it. ValueError if it has no time zone."""
    if when.tzinfo is None:
        raise ValueError(f"{when.isoformat()} has no time zone")
    stamp = Timestamp()
    stamp.FromDatetime(when)
    return stamp


def _role(name: str) -> types_pb2.Role.ValueType:
    role = _ROLES.get(name)
    if role is None:
        raise ValueError(f"unknown role {name!r}, not one of {', '.join(_ROLES)}")
    return role
