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

    def place(self, vectors: Vectors, first_seq: int) -> list[Placement]:
        """Place prompts with the vectors (n, d), which get the seqs from `first_seq` on."""
        found = self._index.nearest(vectors, self._rule.k)
        within = vectors @ vectors.T
        leaders = _Leaders(self._index, vectors, first_seq)
        placements: list[Placement] = []
        for i in range(len(vectors)):
            candidates = self._candidates(found, within, placements, i, first_seq)
            nearest = candidates[0][0] if candidates else 0.0
            family = self._join(vectors[i], candidates, leaders)
            placements.append(Placement(nearest, family))
        return placements

    def _candidates(
        self,
        found: Neighbours,
        within: Vectors,
        placed: Sequence[Placement],
        i: int,
        first_seq: int,
    ) -> list[tuple[float, int]]:
        """Return (similarity, family or the seq that would lead one), most similar first."""
        rows = found.rows[i]
        pairs = [
            (float(score), int(row["family"]) or int(row["seq"]))
            for score, row in zip(found.scores[i], rows, strict=True)
            if row["seq"] > 0
        ]
        near = np.flatnonzero(within[i, :i] >= self._rule.neighbour)
        pairs += [(float(within[i, j]), placed[j].family or first_seq + j) for j in near.tolist()]
        pairs.sort(key=lambda pair: -pair[0])
        return pairs

    def _join(
        self,
        vector: npt.NDArray[np.float32],
        candidates: Sequence[tuple[float, int]],
        leaders: _Leaders,
    ) -> int:
        refused: set[int] = set()
        for similarity, family in candidates:
            if similarity < self._rule.neighbour:
                break
            if family in refused:
                continue
            if float(leaders.vector(family) @ vector) >= self._rule.leader:
                return family
            refused.add(family)
        return 0


class _Leaders:
    """Leaders' vectors, of the batch or of the index, each fetched once."""

    def __init__(self, index: VectorIndex, batch: Vectors, first_seq: int) -> None:
        self._index = index
        self._batch = batch
        self._first_seq = first_seq
        self._known: dict[int, npt.NDArray[np.float32]] = {}

    def vector(self, seq: int) -> npt.NDArray[np.float32]:
        if seq >= self._first_seq:
            return np.asarray(self._batch[seq - self._first_seq])
        if seq not in self._known:
            self._known[seq] = self._index.vectors([seq])[0]
        return self._known[seq]
