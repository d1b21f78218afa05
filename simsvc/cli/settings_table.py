"""The settings as a table, made from their definitions so that it cannot go stale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from simsvc.settings import Settings

_START, _END = "<!-- settings -->", "<!-- /settings -->"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as an environment variable; no default is ""."""

    variable: str
    default: str
    meaning: str


def settings_list() -> list[Setting]:
    """Return every setting."""
    return [
        Setting(f"SIMSVC_{name.upper()}", _default(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def settings_table() -> str:
    """Return every setting with its default and meaning in Markdown."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for setting in settings_list():
        default = f"`{setting.default}`" if setting.default else ""
        lines.append(f"| `{setting.variable}` | {default} | {setting.meaning} |")
    return "\n".join(lines)


def with_settings_table(document: str) -> str:
    """Return a Markdown document with the table between its marks. ValueError without marks."""
    before, start, rest = document.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise ValueError(f"the document has no {_START} … {_END}")
    return f"{before}{start}\n{settings_table()}\n{end}{after}"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, Path):
        value = value.as_posix()
    return f"{value:g}" if isinstance(value, float) else str(value)
