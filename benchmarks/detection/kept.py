"""Results that are kept on disk, so that a benchmark that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

_SHOWS_ONLY = {"__main__.py", "goals.py", "tables.py", "plots.py"}
_ROOT = Path(__file__).resolve().parents[2]


class Kept:
    """One JSON file a result, named by what was measured, on which data and by which code.

    Any change to the detector, the worlds or the score is another name: nothing stale comes back.
    `minutes` bounds the time in which new results are begun.
    """

    def __init__(self, folder: Path, data: Path, minutes: float) -> None:
        self._folder = folder / "detection-benchmark"
        self._folder.mkdir(parents=True, exist_ok=True)
        sets = [(path.name, path.stat().st_size) for path in sorted(data.glob("*.jsonl.zst"))]
        self._made_of = f"{code_hash()} {sets}"
        self._ends = time.monotonic() + 60 * minutes

    def get(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """Return a kept result or make it; None once the time is up."""
        key = hashlib.sha256(f"{self._made_of} {name}".encode()).hexdigest()[:16]
        path = self._folder / f"{key}.json"
        if path.is_file():
            result: dict[str, Any] = json.loads(path.read_text())
            return result
        if time.monotonic() > self._ends:
            return None
        began = time.monotonic()
        typer.echo(f"{name} …", err=True)
        made = json.dumps(make(), ensure_ascii=False)
        partial = path.with_suffix(".partial")
        partial.write_text(made)
        partial.rename(path)
        typer.echo(f"{name}: {time.monotonic() - began:.0f} s", err=True)
        # What comes from disk and what was just made are alike.
        result = json.loads(made)
        return result


def code_hash() -> str:
    """Return a hash of the sources that a result depends on."""
    digest = hashlib.sha256()
    for folder in ("simsvc", "benchmarks/worlds", "benchmarks/detection"):
        for path in sorted((_ROOT / folder).rglob("*.py")):
            if path.name not in _SHOWS_ONLY:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
