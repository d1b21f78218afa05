"""Events of an export: JSONL (plain, .gz, .zst) or Parquet, one prompt each, with what is wrong."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from simsvc.client.prompts import clean_text
from simsvc.domain.prompt import Prompt, Role
from simsvc.domain.validation import Limits, RawPrompt, as_messages, violations

# Whole µs: floats of seconds do not hold them all.
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_ROLES = {role.name.lower(): int(role) for role in Role}
_PARQUET_ROWS = 256
_PACKED = (".gz", ".zst")
_COLUMNS = (
    "request_id", "account_id", "account", "organization_id", "organization", "observed_at",
    "model", "attributes", "messages",
)  # fmt: skip
# Some prompts of the largest size that servers take; a file without line ends is no reason to
# hold all of it in memory.
_LINE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line (or row), counted from 1, that holds no event, and why. Never its text.

    `field` is the path of the field that is wrong, "" if there is none; `reason` names it too.
    `unfinished`: it may be whole when whoever writes the file has gone on.
    """

    line: int
    reason: str
    field: str = ""
    unfinished: bool = False


class FieldError(ValueError):
    """A field of a row is not what it should be. Says its path and what is wrong, not its value."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(field, description)
        self.field = field
        self.description = description

    def __str__(self) -> str:
        return f"{self.field} {self.description}"


def read_events(path: Path, limits: Limits) -> Iterator[Prompt | BadLine]:
    """Yield the events of a file, in its order. Raises what `read_rows` raises."""
    for number, row in read_rows(path):
        yield row if isinstance(row, BadLine) else _event(number, row, limits)


def read_rows(
    path: Path, *, parquet: bool | None = None
) -> Iterator[tuple[int, Mapping[str, Any] | BadLine]]:
    """Yield the rows of a file with their numbers, from 1, as they are; blank lines are none.

    `parquet` None: told by the name. Holds some rows at a time. Raises OSError if the file cannot
    be read, ValueError if it is not in its format.
    """
    if path.suffix == ".csv" and parquet is None:
        raise ValueError(f"{path.name}: CSV is not read; write JSON lines or Parquet")
    if path.suffix == ".parquet" if parquet is None else parquet:
        yield from _parquet_rows(path)
        return
    try:
        with _opened(path) as file:
            for number, line in enumerate(_lines(file), start=1):
                if line is None:
                    yield number, BadLine(number, f"is longer than {_LINE_BYTES} bytes")
                elif line.strip():
                    row = _parsed(number, line)
                    if isinstance(row, BadLine) and path.suffix not in _PACKED:
                        row = replace(row, unfinished=not line.endswith(b"\n"))
                    yield number, row
    except (zstandard.ZstdError, zlib.error, EOFError) as error:
        raise OSError(f"{path} cannot be unpacked: {error}") from error


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Yield lines, None for one that is too long. Only "\\n" ends one: texts hold U+2028."""
    while line := file.readline(_LINE_BYTES):
        if len(line) < _LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while (more := file.readline(_LINE_BYTES)) and not more.endswith(b"\n"):
            pass
        yield None


def _opened(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(
            path.open("rb"), closefd=True, read_across_frames=True
        )
        return io.BufferedReader(reader)
    return path.open("rb")


def _parsed(number: int, line: bytes) -> Mapping[str, Any] | BadLine:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return BadLine(number, "is not JSON in UTF-8")
    return row if isinstance(row, dict) else BadLine(number, "is not a JSON object")


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | BadLine]]:
    # Only Parquet needs it.
    import pyarrow.parquet as pq  # noqa: PLC0415

    number = 0
    with pq.ParquetFile(path) as file:
        # An export's vectors, which no event has, would be most of the work.
        columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
        for batch in file.iter_batches(_PARQUET_ROWS, columns=columns):
            for row in _values(_in_microseconds(batch)):
                number += 1
                if row is None:
                    yield number, BadLine(number, "holds a value that cannot be read")
                else:
                    yield number, {k: v for k, v in row.items() if v is not None}


def _values(batch: Any) -> list[dict[str, Any] | None]:
    """Return a batch's rows, None for each that holds text not in UTF-8 or a time out of range."""
    try:
        rows: list[dict[str, Any] | None] = batch.to_pylist()
    except (ValueError, OverflowError):
        if len(batch) == 1:
            return [None]
        half = len(batch) // 2
        return _values(batch.slice(0, half)) + _values(batch.slice(half))
    return rows


def _in_microseconds(batch: Any) -> Any:
    """Round times in ns, which Python has no type for."""
    import pyarrow as pa  # noqa: PLC0415

    for place, column in enumerate(batch.columns):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            rounded = column.cast(pa.timestamp("us", column.type.tz), safe=False)
            batch = batch.set_column(place, batch.schema.names[place], rounded)
    return batch


def _event(number: int, row: Mapping[str, Any], limits: Limits) -> Prompt | BadLine:
    try:
        raw = raw_prompt(row)
    except FieldError as error:
        return BadLine(number, str(error), error.field)
    # Whatever its time, an event of an export is of interest.
    found = violations(replace(raw, observed_at=None), limits, 0)
    if found:
        first = found[0]
        return BadLine(number, f"{first.field} {first.description}", first.field)
    if raw.observed_at is None:
        return BadLine(number, "observed_at is missing", "observed_at")
    return Prompt(
        request_id=raw.request_id,
        account_id=raw.account_id,
        observed_at=raw.observed_at,
        messages=as_messages(raw.messages),
        organization_id=raw.organization_id,
        model=raw.model,
        attributes=raw.attributes,
    )


def raw_prompt(row: Mapping[str, Any]) -> RawPrompt:
    """Return the prompt of a row, not validated. FieldError where a field has another type.

    The pseudonyms of `simsvc-indexer export`, in "account" and "organization", stand for ids.
    """
    return RawPrompt(
        request_id=_string(row, "request_id"),
        account_id=_string(row, "account_id") or _string(row, "account"),
        organization_id=_string(row, "organization_id") or _string(row, "organization"),
        observed_at=_time(row.get("observed_at")),
        model=_string(row, "model"),
        attributes=_attributes(row.get("attributes")),
        messages=_messages(row.get("messages")),
    )


def _attributes(value: object) -> dict[str, str]:
    if not isinstance(value, (dict, list, type(None))):
        raise FieldError("attributes", "is not an object")
    try:
        # Parquet has maps as lists of pairs.
        pairs = dict(value or {})
    except (TypeError, ValueError):
        raise FieldError("attributes", "is not an object") from None
    return {clean_text(str(k)): clean_text(str(v)) for k, v in pairs.items() if v is not None}


def _string(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError(name, "is not a string")
    return clean_text(value)


def _time(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise FieldError("observed_at", "is not a time of RFC 3339") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise FieldError("observed_at", "is not a time of RFC 3339 with a zone")
    return (value - _EPOCH) // _MICROSECOND


def _messages(value: object) -> list[tuple[int, str]]:
    if not isinstance(value, list):
        raise FieldError("messages", "is not a list")
    found = []
    for i, message in enumerate(value):
        if not isinstance(message, dict):
            raise FieldError(f"messages[{i}]", "is not an object")
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise FieldError(f"messages[{i}].role", "is unknown")
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
        raise FieldError(f"messages[{place}].content", "is not a string")
    return value
