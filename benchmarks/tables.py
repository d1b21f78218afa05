"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table whose columns are the keys of the first row."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    lines += [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def facts(values: Mapping[str, Any]) -> str:
    """Return a table of two columns."""
    return table([{"": key.replace("_", " "), " ": value} for key, value in values.items()])


def on(machine: Mapping[str, Any]) -> str:
    """Say in a line what was measured on."""
    return "Machine: " + ", ".join(f"{key} {value}" for key, value in machine.items()) + "."
