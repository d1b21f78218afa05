"""The library of reference sets, and which prompts lie in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.core.views import Dissector
from simsvc.domain.reference import ReferenceKind
from simsvc.ports.index import Vectors
from simsvc.ports.record import Record

_ROWS = 2048
_SEEN = 400_000


@dataclass(frozen=True, slots=True)
class _Loaded:
    name: str
    kind: ReferenceKind
    vectors: Vectors


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
        self._sets: tuple[_Loaded, ...] = ()
        self._frames: frozenset[int] = frozenset()
        self._seen: dict[int, tuple[int, int, bool]] = {}

    def load(self, record: Record, dissector: Dissector) -> None:
        """Take over what the record holds."""
        loaded, frames = [], set()
        for known in record.reference_sets():
            items = record.reference_items(known.name)
            if not items:
                continue
            vectors = np.stack([item.vector for item in items])
            loaded.append(_Loaded(known.name, known.kind, vectors))
            if known.kind is ReferenceKind.ALLOWED_TEMPLATE:
                frames |= {dissector.frame_of(item.shingles) for item in items} - {0}
        self._sets, self._frames, self._seen = tuple(loaded), frozenset(frames), {}

    def match(
        self, vectors: Vectors, frames: npt.NDArray[np.int64], seqs: npt.NDArray[np.int64]
    ) -> Matches:
        """Find prompts with the vectors (n, d), frames (n,) and seqs (n,) in the sets.

        What was found of a prompt once is remembered as long as the sets are the same.
        """
        known, sets = self._seen, self._sets
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
            tuple(len(s.vectors) for s in sets),
            np.array([s for s, _, _ in found], np.int64),
            np.array([i for _, i, _ in found], np.int64),
            allowed | np.isin(frames, sorted(self._frames)),
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
