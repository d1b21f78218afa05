"""Which prompts are taken in: one set of rules for gRPC and the batch jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from simsvc.domain.errors import Violation
from simsvc.domain.prompt import MICROSECONDS, Message, Role

_ROLES = frozenset(int(role) for role in Role)
_LATEST = datetime(9998, 12, 31, tzinfo=UTC).timestamp() * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on a request. Sizes are in bytes of UTF-8, times in seconds."""

    batch_prompts: int = 512
    prompt_bytes: int = 512 * 1024
    messages: int = 1024
    id_bytes: int = 256
    attributes: int = 32
    attribute_bytes: int = 256
    page_size: int = 200
    check_accounts: int = 1024
    in_flight_prompts: int = 2048
    retention: float = 90 * 86400.0
    clock_skew: float = 300.0


@dataclass(frozen=True, slots=True)
class RawPrompt:
    """A prompt before validation: roles are bare numbers, `observed_at` is µs or None."""

    request_id: str
    account_id: str
    organization_id: str
    observed_at: int | None
    model: str
    messages: Sequence[tuple[int, str]]
    attributes: Mapping[str, str]


def violations(raw: RawPrompt, limits: Limits, now: int) -> list[Violation]:
    """Return all that is wrong with a prompt at the time `now` (µs); empty if it may be taken."""
    return [
        *_id_violations("request_id", raw.request_id, limits, required=True),
        *_id_violations("account_id", raw.account_id, limits, required=True),
        *_id_violations("organization_id", raw.organization_id, limits),
        *_id_violations("model", raw.model, limits),
        *_time_violations(raw.observed_at, limits, now),
        *message_violations(raw.messages, limits),
        *_attribute_violations(raw.attributes, limits),
    ]


def is_id(value: str, limits: Limits) -> bool:
    """Return whether `id_violations` would find nothing, without words for what it would."""
    return bool(value.strip()) and "\0" not in value and len(value.encode()) <= limits.id_bytes


def id_violations(field: str, value: str, limits: Limits) -> list[Violation]:
    """Return what is wrong with an id that must be there."""
    return list(_id_violations(field, value, limits, required=True))


def message_violations(messages: Sequence[tuple[int, str]], limits: Limits) -> Iterator[Violation]:
    """Yield what is wrong with a conversation."""
    if not messages:
        yield Violation("messages", "REQUIRED", "must hold at least one message")
        return
    if len(messages) > limits.messages:
        yield Violation("messages", "TOO_MANY", f"holds more than {limits.messages} messages")
        return
    size = sum(len(content.encode()) for _, content in messages)
    if size > limits.prompt_bytes:
        yield Violation("messages", "TOO_LONG", f"{size} bytes, limit {limits.prompt_bytes}")
    for i, (role, content) in enumerate(messages):
        if role not in _ROLES:
            yield Violation(f"messages[{i}].role", "UNKNOWN_ROLE", f"unknown role {role}")
        if "\0" in content:
            yield Violation(f"messages[{i}].content", "NUL", "holds a NUL character")
    yield from _payload_violations(messages)


def _payload_violations(messages: Sequence[tuple[int, str]]) -> Iterator[Violation]:
    users = [i for i, (role, _) in enumerate(messages) if role == Role.USER]
    if not users:
        yield Violation("messages", "NO_USER_MESSAGE", "must hold a message with ROLE_USER")
    elif not messages[users[-1]][1].strip():
        yield Violation(f"messages[{users[-1]}].content", "EMPTY", "the last user message is blank")


def as_messages(messages: Sequence[tuple[int, str]]) -> tuple[Message, ...]:
    """Convert messages that were found valid."""
    return tuple(Message(Role(role), content) for role, content in messages)


def _id_violations(
    field: str, value: str, limits: Limits, *, required: bool = False
) -> Iterator[Violation]:
    if required and not value.strip():
        yield Violation(field, "REQUIRED", "must not be empty")
    if len(value.encode()) > limits.id_bytes:
        yield Violation(field, "TOO_LONG", f"longer than {limits.id_bytes} bytes")
    if "\0" in value:
        yield Violation(field, "NUL", "holds a NUL character")


def _time_violations(observed_at: int | None, limits: Limits, now: int) -> Iterator[Violation]:
    if observed_at is None:
        return
    if observed_at > min(now + limits.clock_skew * MICROSECONDS, _LATEST):
        yield Violation("observed_at", "IN_THE_FUTURE", "lies ahead of the server's clock")
    elif observed_at < now - limits.retention * MICROSECONDS:
        yield Violation("observed_at", "BEFORE_RETENTION", "lies before the retention time")


def _attribute_violations(attributes: Mapping[str, str], limits: Limits) -> Iterator[Violation]:
    if len(attributes) > limits.attributes:
        yield Violation("attributes", "TOO_MANY", f"more than {limits.attributes} attributes")
        return
    for key, value in attributes.items():
        if not key.strip():
            yield Violation("attributes", "EMPTY_KEY", "a key is empty")
        if (
            len(key.encode()) > limits.attribute_bytes
            or len(value.encode()) > limits.attribute_bytes
        ):
            yield Violation(
                "attributes", "TOO_LONG", f"a key or value is over {limits.attribute_bytes} bytes"
            )
        if "\0" in key or "\0" in value:
            yield Violation("attributes", "NUL", "a key or value holds a NUL character")
