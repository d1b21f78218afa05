"""Exact search over everything: the reference that other indexes are measured against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsvc.domain.grouping import Hits
from simsvc.index.block import best_of
from simsvc.index.hot import HotSegment
from simsvc.ports.index import IndexFilter, IndexStats, Neighbours, Rows, Vectors


class FlatIndex:
    """One hot segment without end. Exact, in memory only."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._hot = HotSegment(0, 0, dimension)
        self._last_seq = 0

    @property
    def dimension(self) -> int:
        """See `VectorIndex.dimension`."""
        return self._dimension

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """See `VectorIndex.add`."""
        if len(rows):
            self._hot.append(rows, vectors)
            self._last_seq = int(rows["seq"][-1])

    def nearest(self, queries: Vectors, k: int) -> Neighbours:
        """See `VectorIndex.nearest`."""
        block = self._hot.block
        return best_of([block.nearest(queries, k)] if len(block) else [], len(queries), k)

    def over(self, query: Vectors, threshold: float, where: IndexFilter) -> Hits:
        """See `VectorIndex.over`."""
        return self._hot.block.over(query, threshold, where)

    def vectors(self, seqs: Sequence[int]) -> Vectors:
        """See `VectorIndex.vectors`."""
        block = self._hot.block
        found = np.zeros((len(seqs), self._dimension), np.float32)
        at = np.searchsorted(block.rows["seq"], seqs)
        for i, (position, seq) in enumerate(zip(at, seqs, strict=True)):
            if position < len(block) and block.rows["seq"][position] == seq:
                found[i] = block.vectors[position]
        return found

    def drop_before(self, time: int) -> int:
        """See `VectorIndex.drop_before`; here row by row, for want of segments."""
        block = self._hot.block
        kept = block.rows["observed_at"] >= time
        self._hot = HotSegment(0, 0, self._dimension)
        self._hot.append(block.rows[kept], block.vectors[kept])
        return int(len(kept) - kept.sum())

    def stats(self) -> IndexStats:
        """See `VectorIndex.stats`."""
        return IndexStats(len(self._hot.block), 1, self._last_seq)
