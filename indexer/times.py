"""Times as options of the commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import typer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_time(text: str | None) -> int | None:
    """Return an ISO-8601 time in µs since the epoch, UTC where it names no zone; None for None.

    typer.BadParameter if it is not one.
    """
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time of ISO 8601") from None
    return (when.replace(tzinfo=when.tzinfo or UTC) - _EPOCH) // _MICROSECOND


def iso(at: int) -> str:
    """Return a time in µs since the epoch as ISO 8601 in UTC."""
    when = _EPOCH + at * _MICROSECOND
    return when.isoformat().replace("+00:00", "Z")
