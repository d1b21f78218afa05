"""Snapshots of the index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

# Tells the prompt that has a seq from any other that may get it; "" if there is none.
Mark = Callable[[int], str]


class Snapshots(Protocol):
    """Writes the index to where the next start finds it."""

    @property
    def checkpoint(self) -> int:
        """Return the seq up to which the newest snapshot holds everything."""
        ...

    def restore(self, highest: int, mark: Mark) -> str:
        """Load the newest snapshot, if there is one. Before anything is added.

        Returns what was wrong with it, "" for nothing. A damaged one is removed, and so is one that
        goes beyond `highest`, a seq that no prompt was ever above, or that was made when another
        prompt had its last seq, unless that prompt is gone; the index stays empty then: the record
        rebuilds it.
        """
        ...

    def capture(self, mark: Mark) -> Callable[[], int]:
        """Fix the present state, on the writing thread.

        Any thread may call the result, which writes the snapshot and returns its checkpoint.
        """
        ...
