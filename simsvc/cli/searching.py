"""The command `simsvc search`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from simsvc.cli.connect import Server, asks
from simsvc.cli.matches import GroupBy, gathered, matches_json, matches_table
from simsvc.cli.show import console

_STANDARD_INPUT = Path("-")
# More fits into no call; what the server takes (`limit_prompt_bytes`) it says itself.
_MAX_BYTES = 16 * 1024 * 1024
_PAGE = 200


@asks
def search(
    server: Server,
    text: Annotated[str | None, typer.Argument(help="A payload to compare with.")] = None,
    prompt: Annotated[str | None, typer.Option(help="A recorded prompt's id instead.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A file with the payload instead, UTF-8; - for standard input."),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Only this account (id or pseudonym).")
    ] = None,
    organization: Annotated[str | None, typer.Option(help="Only this organisation.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Observed at or after, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Observed before, UTC.")] = None,
    min_similarity: Annotated[float | None, typer.Option(help="Least cosine similarity.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Accounts looked at.")] = 20,
    prompts_per_account: Annotated[
        int | None, typer.Option(min=1, help="Prompts shown of each; none: the server's default.")
    ] = None,
    group_by: Annotated[
        GroupBy,
        typer.Option(help="A row for each; the server groups by account, others are made of that."),
    ] = GroupBy.ACCOUNT,
) -> None:
    """Find similar prompts, grouped by account."""
    if sum(given is not None for given in (text, prompt, file)) != 1:
        raise typer.BadParameter("give one of a text, --prompt ID and --file FILE")
    payload = text if file is None else _content(file)
    with server.client() as client:
        pages = client.search_all(
            text=payload,
            prompt_id=prompt,
            account_id=account,
            organization_id=organization,
            start=_utc(since),
            end=_utc(until),
            min_similarity=min_similarity,
            page_size=min(limit, _PAGE),
            prompts_per_account=prompts_per_account,
        )
        found = gathered(pages, limit)
    if server.json:
        typer.echo(matches_json(found, group_by))
    else:
        console().print(matches_table(found, group_by))


def _content(file: Path) -> str:
    """Return the text of a file, and say so if it holds what cannot be sent."""
    content = _read(file)
    if len(content) > _MAX_BYTES:
        raise typer.BadParameter(f"the file is longer than {_MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"the file is not UTF-8 at byte {error.start}") from error
    if "\0" in text:
        typer.echo("the text holds NUL: looked up with U+FFFD in its place", err=True)
    return text


def _read(file: Path) -> bytes:
    """Return one byte more than can be used, at the most."""
    if file == _STANDARD_INPUT:
        return sys.stdin.buffer.read(_MAX_BYTES + 1)
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error


def _utc(when: datetime | None) -> datetime | None:
    return when.replace(tzinfo=UTC) if when else None
