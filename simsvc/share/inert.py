"""Text that nobody's input can bring to life: in a terminal, in a table, on a page."""

from __future__ import annotations

import unicodedata

# Start of a formula in spreadsheets (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def visible(text: str) -> str:
    """Return a text with control and direction characters as what they are called."""
    return "".join(c if _plain(c) else f"\\u{ord(c):04x}" for c in text)


def cell(value: object) -> str:
    """Return a value for a table that a spreadsheet does not take for a formula."""
    if isinstance(value, int | float):
        return str(value)
    text = visible(str(value))
    return f"'{text}" if str(value).startswith(_FORMULA) else text


def _plain(sign: str) -> bool:
    # Cc: controls; Cf: directions, joiners; Zl, Zp: line ends that some programs take for such.
    return unicodedata.category(sign) not in ("Cc", "Cf", "Zl", "Zp", "Cs")
