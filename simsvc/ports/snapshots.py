"""Snapshots of the index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Snapshots(Protocol):
    """Writes the index to where the next start finds it."""

    @property
    def checkpoint(self) -> int:
        """Return the seq up to which the newest snapshot holds everything."""
        ...

    def restore(self, highest: int) -> str:
        """Load the newest snapshot, if there is one. Before anything is added.

        Returns what was wrong with it, "" for nothing. A damaged one is removed, and one that goes
        beyond `highest`, a seq that no prompt was ever above; the index stays empty then: the
        record rebuilds it.
        """
        ...

    def capture(self) -> Callable[[], int]:
        """Fix the present state, on the writing thread.

        Any thread may call the result, which writes the snapshot and returns its checkpoint.
        """
        ...
