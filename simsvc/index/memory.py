"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Give back what glibc keeps of freed memory; nothing elsewhere.

    Inverted lists are small blocks: those of segments that were merged away leave holes between
    others, and without this three times as much stays resident as is used.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
