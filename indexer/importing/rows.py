"""The rows of a file as prompts to send, or as what is wrong with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simsvc.client import ObservedPrompt
from simsvc.domain.prompt import Role
from simsvc.domain.validation import RawPrompt
from simsvc.scan.events import BadLine, FieldError, raw_prompt, read_rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGEST = 16
_MADE = "imp-"


@dataclass(frozen=True, slots=True)
class Reject:
    """A row, counted from 1, that was not taken, the path of its field ("": none), and why.

    The reason does not name the field again.
    """

    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row with 16 bytes that stand for all in it that is sent.

    `unfinished`: the last of a file that somebody still writes.
    """

    number: int
    fingerprint: bytes
    prompt: ObservedPrompt | Reject
    unfinished: bool = False


def rows_of(path: Path, *, parquet: bool | None = None) -> Iterator[Row]:
    """Yield the rows of a file. Errors, and `parquet`, as in `read_rows`."""
    for number, values in read_rows(path, parquet=parquet):
        if isinstance(values, BadLine):
            bad = _rejected(number, values.field, values.reason)
            yield replace(bad, unfinished=values.unfinished)
            continue
        try:
            raw = raw_prompt(values)
        except FieldError as error:
            yield _rejected(number, error.field, error.description)
            continue
        yield _row(number, raw)


def made_request_id(number: int, fingerprint: bytes) -> str:
    """Return the request_id of a row that has none.

    It is of the row's content and place, not of the file's name, format or length: a log may grow,
    and a row that is put right may be sent, without the others being sent twice.
    """
    digest = hashlib.blake2b(b"%d/" % number + fingerprint, digest_size=_DIGEST)
    return _MADE + digest.hexdigest()


def _row(number: int, raw: RawPrompt) -> Row:
    if raw.observed_at is None:
        return _rejected(number, "observed_at", "is missing")
    try:
        observed_at = _EPOCH + timedelta(microseconds=raw.observed_at)
    except OverflowError:
        return _rejected(number, "observed_at", "is no time of the years 1 to 9999")
    print_ = _fingerprint(json.dumps(astuple(raw), sort_keys=True))
    prompt = ObservedPrompt(
        request_id=raw.request_id or made_request_id(number, print_),
        account_id=raw.account_id,
        organization_id=raw.organization_id,
        observed_at=observed_at,
        model=raw.model,
        attributes=raw.attributes,
        messages=[(Role(role).name.lower(), content) for role, content in raw.messages],
    )
    return Row(number, print_, prompt)


def _rejected(number: int, field: str, reason: str) -> Row:
    print_ = _fingerprint(f"{field} {reason}".lstrip())
    return Row(number, print_, Reject(number, field, reason))


def _fingerprint(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()
