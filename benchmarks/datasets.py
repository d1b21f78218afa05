"""Real prompt sets, as `NAME.jsonl.zst` files in one folder: one {"text", "group"?} a line."""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass
from pathlib import Path

import typer
import zstandard


@dataclass(frozen=True, slots=True)
class RealPrompt:
    """A prompt and the account that this benchmark deals it to."""

    account: str
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """How many lines of a set are used; an account is a group, or so many consecutive lines."""

    name: str
    lines: int
    by_group: bool = False
    per_account: int = 6


def read_shares(folder: Path, shares: list[Share], seed: int) -> list[RealPrompt]:
    """Read and mix shares of several sets. Exits with what is missing."""
    missing = [s.name for s in shares if not _path(folder, s.name).is_file()]
    if missing:
        names = ", ".join(f"{name}.jsonl.zst" for name in missing)
        typer.echo(f"error: {folder} lacks {names}", err=True)
        typer.echo(
            'Each is a public prompt set, one {"text": …, "group": …} a line; see '
            "docs/evaluation.md for where they come from.",
            err=True,
        )
        raise typer.Exit(2)
    chosen = random.Random(seed)
    prompts = [p for share in shares for p in _read(folder, share, chosen)]
    chosen.shuffle(prompts)
    return prompts


def _read(folder: Path, share: Share, chosen: random.Random) -> list[RealPrompt]:
    with _path(folder, share.name).open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(io.BufferedReader(file)).read()
    # Only "\n" ends a line: texts hold U+2028 and its like.
    rows = [json.loads(line) for line in data.split(b"\n") if line]
    if share.by_group:
        rows = rows[: share.lines]
        return [RealPrompt(f"{share.name}-{row['group']}", row["text"]) for row in rows]
    chosen.shuffle(rows)
    return [
        RealPrompt(f"{share.name}-{number // share.per_account}", row["text"])
        for number, row in enumerate(rows[: share.lines])
    ]


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl.zst"
