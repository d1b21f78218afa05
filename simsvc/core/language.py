"""Which language a text is in."""

from __future__ import annotations

import py3langid

_ENOUGH = 400


def language_of(text: str) -> str:
    """Return a code such as "en"; of a long text its beginning decides."""
    code, _ = py3langid.classify(text[:_ENOUGH])
    return str(code)
