"""The settings as a table, made from their definitions so that it cannot go stale."""

from __future__ import annotations

from pathlib import Path

from pydantic.fields import FieldInfo

from simsvc.settings import Settings


def settings_table() -> str:
    """Return every setting with its default and meaning in Markdown."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `SIMSVC_{name.upper()}` | {_default(field)} | {field.description} |")
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, Path):
        value = value.as_posix()
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
