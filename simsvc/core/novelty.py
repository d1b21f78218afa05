"""Telling what is surely new, without asking the record.

Bloom filters (Bloom 1970, CACM 13, 422–426): a key that none of them holds was never noted. Of the
others, each filter takes one in a thousand for known, which costs a look into the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rbloom import Bloom

_FALSE = 0.001
# Keys in the first filter and in the largest; each holds twice as many as the one before.
_FIRST, _MOST = 2**20, 2**26

Key = str | bytes
Keys = Sequence[Key]


@dataclass(slots=True)
class _Filter:
    """`room` is for so many keys more; `latest` is the newest time (µs) of what it holds."""

    held: Bloom
    size: int
    room: int
    latest: int = 0


def _filter(size: int) -> _Filter:
    return _Filter(Bloom(size, _FALSE), size, size)


class Novelty:
    """Remembers keys in some two bytes each, and forgets them in order. Used from one thread."""

    def __init__(self, first: int = _FIRST) -> None:
        self._filters = [_filter(first)]

    @property
    def bytes(self) -> int:
        """What the filters take."""
        return sum(one.held.size_in_bits for one in self._filters) // 8

    def is_new(self, key: Key) -> bool:
        """Return whether a key was not noted. False may be a mistake, True never is."""
        return not any(key in one.held for one in self._filters)

    def note(self, keys: Keys, latest: int) -> None:
        """Remember keys at least as long as what was observed at the time `latest` (µs)."""
        newest = self._filters[-1]
        # What repeats, or is tried again while the record cannot be written, takes no room.
        added = [key for key in keys if key not in newest.held]
        if newest.room < len(added):
            newest = _filter(min(2 * newest.size, _MOST))
            self._filters.append(newest)
            added = list(keys)
        newest.held.update(added)
        newest.room -= len(added)
        newest.latest = max(newest.latest, latest)

    def forget(self, before: int) -> None:
        """Let go of filters that hold nothing from this time (µs) on."""
        *older, newest = self._filters
        self._filters = [*(one for one in older if one.latest >= before), newest]
