"""Families of near-duplicates: each prompt joins at most one, and keeps it for good.

A family is named by the seq of its first prompt, the leader. A prompt joins the family of its
nearest neighbour if both the neighbour and the leader are near enough; without the second test a
family could drift, step by step, over the whole space. Which family a prompt is in is kept in the
record, so that a restart rebuilds the same families without a single search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.ports.index import Neighbours, VectorIndex, Vectors

_FURTHER = 16


@dataclass(frozen=True, slots=True)
class FamilyRule:
    """Cosine that a neighbour and the leader must reach, and the neighbours looked at."""

    neighbour: float
    leader: float
    k: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a prompt came to lie: its nearest earlier prompt and its family (0: none)."""

    nearest: float
    family: int


class FamilyAssigner:
    """Places the prompts of a batch, in order, among those of the index and of the batch itself."""

    def __init__(self, index: VectorIndex, rule: FamilyRule) -> None:
        self._index = index
        self._rule = rule

    def place(self, vectors: Vectors, seqs: Sequence[int]) -> list[Placement]:
        """Place prompts with the vectors (n, d) and the ascending seqs (n,)."""
        found = _Recorded.of(self._index.nearest(vectors, self._rule.k), self._rule.neighbour)
        within = vectors @ vectors.T
        leaders = _Leaders(self._index, vectors, seqs)
        placements: list[Placement] = []
        for i in range(len(vectors)):
            earlier = self._within(within[i, :i], placements, seqs)
            family = self._join(vectors[i], found.candidates(i) + earlier, leaders)
            if not family and found.all_near(i):
                # All of them may belong to one family that is out of reach: look further.
                more = self._index.nearest(vectors[i : i + 1], _FURTHER * self._rule.k)
                further = _Recorded.of(more, self._rule.neighbour).candidates(0)
                family = self._join(vectors[i], further + earlier, leaders)
            nearest = max(found.nearest(i), float(within[i, :i].max(initial=-np.inf)))
            # Rounded to fp16, a vector is not quite of unit length. The very first has nobody.
            nearest = min(nearest, 1.0) if np.isfinite(nearest) else 0.0
            placements.append(Placement(nearest, family))
        return placements

    def _within(
        self, similarities: Vectors, placed: Sequence[Placement], seqs: Sequence[int]
    ) -> list[tuple[float, int]]:
        """Return (similarity, family) of the near ones among the batch's earlier prompts."""
        near = np.flatnonzero(similarities >= self._rule.neighbour)
        return [(float(similarities[j]), placed[j].family or seqs[j]) for j in near.tolist()]

    def _join(
        self,
        vector: npt.NDArray[np.float32],
        candidates: Sequence[tuple[float, int]],
        leaders: _Leaders,
    ) -> int:
        refused: set[int] = set()
        for similarity, family in sorted(candidates, key=lambda pair: -pair[0]):
            if similarity < self._rule.neighbour:
                break
            if family in refused:
                continue
            leader = leaders.vector(family)
            # Where retention dropped the leader, the neighbour alone decides.
            if not leader.any() or float(leader @ vector) >= self._rule.leader:
                return family
            refused.add(family)
        return 0


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The neighbours of n queries: scores (n, k), what each leads to (n, k), which are near."""

    scores: Vectors
    families: npt.NDArray[np.int64]
    near: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, found: Neighbours, neighbour: float) -> _Recorded:
        """Take each neighbour's family, or the seq that would lead one."""
        seqs, families = found.rows["seq"], found.rows["family"]
        near = (found.scores >= neighbour) & (seqs > 0)
        return cls(found.scores, np.where(families != 0, families, seqs), near)

    def candidates(self, i: int) -> list[tuple[float, int]]:
        """Return (similarity, family) of a query's near neighbours."""
        near = self.near[i]
        return list(
            zip(self.scores[i, near].tolist(), self.families[i, near].tolist(), strict=True)
        )

    def all_near(self, i: int) -> bool:
        """Return whether there may be more near ones than were asked for."""
        return bool(self.near[i].all())

    def nearest(self, i: int) -> float:
        """Return the similarity of a query's nearest neighbour, −inf without one."""
        return float(self.scores[i].max(initial=-np.inf))


class _Leaders:
    """Leaders' vectors, of the batch or of the index, each fetched once."""

    def __init__(self, index: VectorIndex, batch: Vectors, seqs: Sequence[int]) -> None:
        self._index = index
        self._batch = batch
        self._places = {seq: place for place, seq in enumerate(seqs)}
        self._known: dict[int, npt.NDArray[np.float32]] = {}

    def vector(self, seq: int) -> npt.NDArray[np.float32]:
        if seq in self._places:
            return np.asarray(self._batch[self._places[seq]])
        if seq not in self._known:
            self._known[seq] = self._index.vectors([seq])[0]
        return self._known[seq]
