"""The library of reference sets, and which prompts lie in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simsvc.core.views import Dissector
from simsvc.domain.reference import ReferenceItem, ReferenceKind
from simsvc.ports.index import Vectors
from simsvc.ports.record import Record

_ROWS = 2048
_SEEN = 400_000


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A set: its first `count` rows. `frames` are those of allowed templates.

    Sets that grow from each other share rows: only the longest one may be grown.
    """

    name: str
    kind: ReferenceKind
    rows: Vectors
    count: int
    frames: frozenset[int] = frozenset()

    @property
    def vectors(self) -> Vectors:
        return self.rows[: self.count]

    def grown(self, vectors: Vectors, frames: frozenset[int]) -> _Loaded:
        rows, count = self.rows, self.count + len(vectors)
        if count > len(rows):
            # Doubled, so that a set that comes in many calls is copied a few times only.
            rows = np.empty((max(count, 2 * len(rows)), vectors.shape[1]), np.float32)
            rows[: self.count] = self.vectors
        rows[self.count : count] = vectors
        return _Loaded(self.name, self.kind, rows, count, self.frames | frames)


@dataclass(frozen=True, slots=True)
class _Held:
    """Sets by name, the frames of the allowed ones, and where in them prompts were found."""

    sets: tuple[_Loaded, ...] = ()
    frames: frozenset[int] = frozenset()
    seen: dict[int, tuple[int, int, bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matches:
    """For each of n prompts: the place of its data set in `names` and its item there, −1 for none.

    `allowed` (n,): it is in an allowed template. `sizes` are the sets' numbers of items.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    sets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    allowed: npt.NDArray[np.bool_]

    def without(self, gone: npt.NDArray[np.bool_]) -> Matches:
        """Return what is left without some prompts (n,)."""
        kept = ~gone
        return Matches(
            self.names, self.sizes, self.sets[kept], self.items[kept], self.allowed[kept]
        )


class ReferenceLibrary:
    """All sets in memory. The writing thread changes it, any thread may match."""

    def __init__(self, similarity: float) -> None:
        self._similarity = similarity
        self._held = _Held()

    def load(self, record: Record, dissector: Dissector) -> None:
        """Take over what the record holds."""
        # One set's items at a time: their shingles are many times larger than what is kept.
        held = ((known, record.reference_items(known.name)) for known in record.reference_sets())
        self._take([_loaded(k.name, k.kind, items, dissector) for k, items in held if items])

    def add(
        self,
        name: str,
        kind: ReferenceKind,
        items: Sequence[ReferenceItem],
        dissector: Dissector,
    ) -> None:
        """Take over items that the record did not hold before."""
        if not items:
            return
        more = _loaded(name, kind, items, dissector)
        known = next((s for s in self._held.sets if s.name == name), None)
        if known is not None:
            more = known.grown(more.vectors, more.frames)
        self._take([*(s for s in self._held.sets if s.name != name), more])

    def drop(self, name: str) -> None:
        """Let go of a set."""
        self._take([s for s in self._held.sets if s.name != name])

    def _take(self, sets: Sequence[_Loaded]) -> None:
        frames = frozenset().union(*(s.frames for s in sets))
        # At once: whoever matches meanwhile must not place what was seen in other sets.
        self._held = _Held(tuple(sorted(sets, key=lambda s: s.name)), frames)

    def match(
        self, vectors: Vectors, frames: npt.NDArray[np.int64], seqs: npt.NDArray[np.int64]
    ) -> Matches:
        """Find prompts with the vectors (n, d), frames (n,) and seqs (n,) in the sets.

        What was found of a prompt once is remembered as long as the sets are the same.
        """
        held = self._held
        known, sets = held.seen, held.sets
        if not sets:
            none = np.full(len(seqs), -1, np.int64)
            return Matches((), (), none, none, np.zeros(len(seqs), np.bool_))
        new = np.array([i for i, seq in enumerate(seqs.tolist()) if seq not in known], np.int64)
        if len(known) > _SEEN:
            known.clear()
            new = np.arange(len(seqs))
        for start in range(0, len(new), _ROWS):
            rows = new[start : start + _ROWS]
            placed = self._find(vectors[rows], sets)
            known.update(zip(seqs[rows].tolist(), placed, strict=True))
        found = [known[seq] for seq in seqs.tolist()]
        allowed = np.array([a for _, _, a in found], np.bool_).reshape(-1)
        return Matches(
            tuple(s.name for s in sets),
            tuple(s.count for s in sets),
            np.array([s for s, _, _ in found], np.int64),
            np.array([i for _, i, _ in found], np.int64),
            allowed | np.isin(frames, sorted(held.frames)),
        )

    def _find(self, vectors: Vectors, sets: Sequence[_Loaded]) -> list[tuple[int, int, bool]]:
        best = np.full(len(vectors), self._similarity, np.float32)
        where = np.full((len(vectors), 2), -1, np.int64)
        allowed = np.zeros(len(vectors), np.bool_)
        for place, held in enumerate(sets):
            scores = vectors @ held.vectors.T
            item, score = scores.argmax(axis=1), scores.max(axis=1)
            if held.kind is ReferenceKind.ALLOWED_TEMPLATE:
                allowed |= score >= self._similarity
                continue
            better = score >= best
            best[better] = score[better]
            where[better, 0], where[better, 1] = place, item[better]
        return [(int(s), int(i), bool(a)) for (s, i), a in zip(where, allowed, strict=True)]


def _loaded(
    name: str, kind: ReferenceKind, items: Sequence[ReferenceItem], dissector: Dissector
) -> _Loaded:
    frames: set[int] = set()
    if kind is ReferenceKind.ALLOWED_TEMPLATE:
        frames = {dissector.frame_of(item.shingles) for item in items} - {0}
    return _Loaded(name, kind, np.stack([i.vector for i in items]), len(items), frozenset(frames))
