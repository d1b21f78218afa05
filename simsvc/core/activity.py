"""When accounts were seen, so kept that counting them does not grow with their number."""

from __future__ import annotations

from collections import defaultdict

_GRAINS = 64


class Activity:
    """First and last time (µs) of each actor. Counts are exact.

    Actors lie in buckets of time, a 64th of `window` each: a count adds the sizes of buckets and
    looks into one.
    """

    def __init__(self, window: int) -> None:
        self._grain = max(1, window // _GRAINS)
        self._times: dict[int, tuple[int, int]] = {}
        self._buckets: tuple[dict[int, set[int]], dict[int, set[int]]] = (
            defaultdict(set),
            defaultdict(set),
        )

    def __len__(self) -> int:
        return len(self._times)

    def note(self, actor: int, at: int) -> None:
        """An actor was seen; not necessarily later than before."""
        old = self._times.get(actor)
        if old is None:
            self._add(actor, (at, at))
        elif at > old[1]:
            self._times[actor] = (old[0], at)
            self._move(actor, 1, old[1], at)
        elif at < old[0]:
            self._times[actor] = (at, old[1])
            self._move(actor, 0, old[0], at)

    def active_since(self, start: int) -> int:
        """Count the actors that were seen at or after a time."""
        return self._since(1, start)

    def known_before(self, start: int) -> int:
        """Count the actors that were first seen before a time."""
        return len(self._times) - self._since(0, start)

    def forget(self, before: int) -> None:
        """Drop actors that were last seen before a time."""
        for actor in [a for a, times in self._times.items() if times[1] < before]:
            self._remove(actor)

    def _since(self, place: int, start: int) -> int:
        buckets, edge = self._buckets[place], start // self._grain
        later = sum(len(actors) for bucket, actors in buckets.items() if bucket > edge)
        on_edge = buckets.get(edge, ())
        return later + sum(1 for actor in on_edge if self._times[actor][place] >= start)

    def _add(self, actor: int, times: tuple[int, int]) -> None:
        self._times[actor] = times
        for buckets, at in zip(self._buckets, times, strict=True):
            buckets[at // self._grain].add(actor)

    def _move(self, actor: int, place: int, before: int, now: int) -> None:
        """Put an actor whose time was another before into its bucket."""
        old, new = before // self._grain, now // self._grain
        if old != new:
            self._take_out(actor, place, old)
            self._buckets[place][new].add(actor)

    def _remove(self, actor: int) -> None:
        for place, at in enumerate(self._times.pop(actor)):
            self._take_out(actor, place, at // self._grain)

    def _take_out(self, actor: int, place: int, bucket: int) -> None:
        held = self._buckets[place][bucket]
        held.remove(actor)
        if not held:
            del self._buckets[place][bucket]
