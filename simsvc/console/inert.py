"""Texts of strangers, made harmless to look at."""

from __future__ import annotations

import unicodedata

# Part of words in some scripts, and of emoji.
_JOINERS = "\u200c\u200d"
_KEPT = "\n\t" + _JOINERS
_HIDDEN = ("Cc", "Cf", "Cs", "Co")
_PICTURES = 0x2400
_DELETE = 0x7F


def visible(text: str) -> str:
    """Return a text whose control and direction characters are seen and do nothing.

    Line breaks and tabs stay. Markup is not touched: the templates escape it.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, text.replace("\r\n", "\n")))


def _shown(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(_PICTURES + code)
    return "␡" if code == _DELETE else f"⟨U+{code:04X}⟩"
