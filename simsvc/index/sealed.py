"""Segments that are complete: compressed for the search, exact for the score.

A large one has an inverted file (`ann`); its candidates are scored with the fp16 vectors, which lie
memory-mapped beside it. So a score does not change when a segment is sealed, and pages that were
cut before still fit. A small one is searched exactly.

A segment may hold traffic of many days. Rows that retention has passed are not found from then on,
and leave the files when the segment is written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simsvc.domain.grouping import Hits
from simsvc.index.ann import Ann, reranked
from simsvc.index.block import Block, Ids, Mask, highest, hits_of, mask_of, places_of
from simsvc.index.inverted import Half, wide
from simsvc.ports.index import ROW_DTYPE, IndexFilter, Neighbours, Rows, Vectors


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """Rows (n,), their fp16 vectors (n, d), and an inverted file if there are many.

    `first` and `last` are when the earliest and the latest row was observed, in µs. Retention has
    left what was observed from `since` on: `living` (n,) says which rows, None for all, and
    `remaining` how many. `seqs` (n,) are the rows', side by side: to find one among them, NumPy
    would first copy a column of all.
    """

    ordinal: int
    rows: Rows
    seqs: Ids
    half: Half
    ann: Ann | None
    folder: Path
    first: int
    last: int
    remaining: int
    since: int = 0
    living: Mask | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def part(self) -> SealedSegment:
        """Return what a search works on."""
        return self

    def after(self, time: int) -> SealedSegment:
        """Return it without what was observed before a time (µs). What is gone stays so."""
        if time <= max(self.first, self.since):
            return self
        living = self.rows["observed_at"] >= time
        return replace(self, since=time, living=living, remaining=int(living.sum()))

    def nearest(self, queries: Vectors, k: int) -> Neighbours:
        """See `VectorIndex.nearest`."""
        if self.ann is None:
            block = self.as_block()
            return block.nearest(queries, min(k, len(block)))
        k = min(k, len(self))
        return best_candidates([self.candidates(queries, k)], queries, k)

    def candidates(self, queries: Vectors, k: int, share: float = 1.0) -> Candidates:
        """Return what the k nearest (n, k) are chosen from.

        Its rows, gone or not, are a `share` of all that are left: for as many neighbours among
        those that are left it looks through more of all that it has.
        """
        if self.ann is None:
            raise ValueError("only a segment with an inverted file has candidates")
        count = min(reranked(k), len(self))
        scores, ids = self.ann.search(queries, count, share, self.living)
        return Candidates(self, scores, ids)

    def over(self, query: Vectors, threshold: float, where: IndexFilter) -> Hits:
        """See `VectorIndex.over`."""
        if self.ann is None:
            return self.as_block().over(query, threshold, where)
        if where.account is not None or where.organization is not None:
            ids = np.flatnonzero(mask_of(self.rows, where))
        else:
            ids = self.ann.visited(query)
            ids = ids[mask_of(self.rows[ids], where)]
        if self.living is not None:
            ids = ids[self.living[ids]]
        scores = self.vectors_at(ids) @ query
        passing = scores >= threshold
        return hits_of(self.rows[ids[passing]], scores[passing])

    def holding(self, wanted: Ids) -> tuple[Mask, Ids]:
        """See `Block.holding`."""
        hit, at = places_of(self.seqs, wanted)
        if self.living is not None:
            hit[hit] = self.living[at]
            at = at[self.living[at]]
        return hit, at

    def vectors_at(self, positions: Ids) -> Vectors:
        """Return the vectors of some rows."""
        return wide(self.half[positions])

    def as_block(self) -> Block:
        """Return the rows that are left with their vectors in fp32, to be searched exactly."""
        if self.living is None:
            return Block(self.rows, wide(self.half))
        return Block(self.rows[self.living], wide(self.half[self.living]))


@dataclass(frozen=True, slots=True)
class Candidates:
    """Scores by the codes, and positions (n, c) in a segment; −1 for none."""

    segment: SealedSegment
    scores: Vectors
    ids: Ids


def best_candidates(found: Sequence[Candidates], queries: Vectors, k: int) -> Neighbours:
    """Return the nearest (n, ≤ k) of all candidates, scored exactly.

    Only the best of all of them by the codes are scored: however many the segments, a query costs
    the fp16 vectors of as many rows as for one.
    """
    approximate = np.concatenate([f.scores for f in found], axis=1)
    ids = np.concatenate([f.ids for f in found], axis=1)
    places = np.repeat(np.arange(len(found)), [f.ids.shape[1] for f in found])
    chosen = highest(np.where(ids < 0, -np.inf, approximate), reranked(k))
    ids, places = np.take_along_axis(ids, chosen, axis=1), places[chosen]
    half = np.zeros((*ids.shape, queries.shape[1]), np.float16)
    for place, one in enumerate(found):
        mine = (places == place) & (ids >= 0)
        half[mine] = one.segment.half[ids[mine]]
    scores = np.matmul(wide(half), queries[:, :, None])[:, :, 0]
    scores[ids < 0] = -np.inf
    best = highest(scores, k)
    ids, places = np.take_along_axis(ids, best, axis=1), np.take_along_axis(places, best, axis=1)
    rows = np.zeros(ids.shape, ROW_DTYPE)
    for place, one in enumerate(found):
        mine = (places == place) & (ids >= 0)
        rows[mine] = one.segment.rows[ids[mine]]
    return Neighbours(np.take_along_axis(scores, best, axis=1), rows)
