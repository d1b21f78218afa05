"""Events of an export: JSONL (plain, .gz, .zst) or Parquet, one prompt each, with what is wrong."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from simsvc.client.prompts import clean_text
from simsvc.domain.prompt import MICROSECONDS, Prompt, Role
from simsvc.domain.validation import Limits, RawPrompt, as_messages, violations

_ROLES = {role.name.lower(): int(role) for role in Role}
_PARQUET_ROWS = 4096


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line (or row), counted from 1, that holds no event, and why. Never its text."""

    line: int
    reason: str


def read_events(path: Path, limits: Limits) -> Iterator[Prompt | BadLine]:
    """Yield the events of a file, in its order. Raises OSError if it cannot be read."""
    for number, row in _rows(path):
        yield row if isinstance(row, BadLine) else _event(number, row, limits)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | BadLine]]:
    if path.suffix == ".parquet":
        yield from _parquet_rows(path)
        return
    with _opened(path) as file:
        # Only "\n" ends a line: texts hold U+2028 and its like.
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _parsed(number, line)


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
        return io.BufferedReader(reader)
    return path.open("rb")


def _parsed(number: int, line: bytes) -> Mapping[str, Any] | BadLine:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return BadLine(number, "is not JSON in UTF-8")
    return row if isinstance(row, dict) else BadLine(number, "is not a JSON object")


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Only Parquet needs it.
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_PARQUET_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield number, {k: v for k, v in row.items() if v is not None}


def _event(number: int, row: Mapping[str, Any], limits: Limits) -> Prompt | BadLine:
    try:
        raw = _raw(row)
    except (TypeError, ValueError, KeyError) as error:
        return BadLine(number, str(error.args[0]) if error.args else "is malformed")
    # Whatever its time, an event of an export is of interest.
    found = violations(replace(raw, observed_at=None), limits, 0)
    if found:
        return BadLine(number, f"{found[0].field} {found[0].description}")
    if raw.observed_at is None:
        return BadLine(number, "observed_at is missing")
    return Prompt(
        request_id=raw.request_id,
        account_id=raw.account_id,
        observed_at=raw.observed_at,
        messages=as_messages(raw.messages),
        organization_id=raw.organization_id,
        model=raw.model,
        attributes=raw.attributes,
    )


def _raw(row: Mapping[str, Any]) -> RawPrompt:
    attributes = row.get("attributes") or {}
    if not isinstance(attributes, (dict, list)):
        raise TypeError("attributes is not an object")
    return RawPrompt(
        request_id=_string(row, "request_id"),
        account_id=_string(row, "account_id"),
        organization_id=_string(row, "organization_id"),
        observed_at=_time(row.get("observed_at")),
        model=_string(row, "model"),
        # Parquet has maps as lists of pairs.
        attributes={str(k): str(v) for k, v in dict(attributes).items()},
        messages=_messages(row.get("messages")),
    )


def _string(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a string")
    return clean_text(value)


def _time(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("observed_at is not a time of RFC 3339") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("observed_at is not a time of RFC 3339 with a zone")
    return round(value.timestamp() * MICROSECONDS)


def _messages(value: object) -> list[tuple[int, str]]:
    if not isinstance(value, list):
        raise TypeError("messages is not a list")
    found = []
    for i, message in enumerate(value):
        if not isinstance(message, dict):
            raise TypeError(f"messages[{i}] is not an object")
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise ValueError(f"messages[{i}].role is unknown")
        found.append((_ROLES[role], clean_text(_content(message.get("content"), i))))
    return found


def _content(value: object, place: int) -> str:
    """Return the text of a message, which may come in parts, as chat APIs have it."""
    if value is None:
        return ""
    if isinstance(value, list):
        texts = [p.get("text") for p in value if isinstance(p, dict) and p.get("type") == "text"]
        return "\n".join(t for t in texts if isinstance(t, str))
    if not isinstance(value, str):
        raise TypeError(f"messages[{place}].content is not a string")
    return value
