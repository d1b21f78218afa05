"""Segments that are complete: compressed for the search, exact for the score.

A large one has an inverted file of 8-bit codes (FAISS `IVF…,SQ8`) trained on its own vectors; its
candidates are scored again with the fp16 vectors, which lie memory-mapped beside it. So a score
does not change when a segment is sealed, and pages that were cut before still fit. A small one is
searched exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from simsvc.domain.grouping import Hits
from simsvc.index.block import Block, hits_of, mask_of
from simsvc.ports.index import IndexFilter, Neighbours, Rows, Vectors

_RERANK = 4
# 8-bit codes move a score by less than this (the sealing checks recall, not this bound).
_CODE_SLACK = 0.02
_SAMPLE = 200
_SAMPLE_K = 10
_SAME_SCORE = 1e-5
Half = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Ann:
    """A trained inverted file and the number of its lists that a search visits."""

    index: Any
    nprobe: int

    def parameters(self) -> Any:
        """Return the search parameters; they are passed along, so threads do not share state."""
        return faiss.SearchParametersIVF(nprobe=self.nprobe)  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """Rows (n,), their fp16 vectors (n, d), and an inverted file if there are many."""

    bucket: int
    ordinal: int
    rows: Rows
    half: Half
    ann: Ann | None
    folder: Path

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def part(self) -> SealedSegment:
        """Return what a search works on."""
        return self

    def nearest(self, queries: Vectors, k: int) -> Neighbours:
        """See `VectorIndex.nearest`."""
        k = min(k, len(self))
        if self.ann is None:
            return self._as_block().nearest(queries, k)
        wanted = min(_RERANK * k, len(self))
        _, ids = self.ann.index.search(queries, wanted, params=self.ann.parameters())
        scores = np.einsum("nkd,nd->nk", self.half[ids].astype(np.float32), queries)
        scores[ids < 0] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(ids, order, axis=1)
        return Neighbours(np.take_along_axis(scores, order, axis=1), self.rows[best])

    def over(self, query: Vectors, threshold: float, where: IndexFilter) -> Hits:
        """See `VectorIndex.over`."""
        if self.ann is None:
            return self._as_block().over(query, threshold, where)
        if where.account is not None or where.organization is not None:
            ids = np.flatnonzero(mask_of(self.rows, where))
        else:
            _, _, found = self.ann.index.range_search(
                query[None], threshold - _CODE_SLACK, params=self.ann.parameters()
            )
            ids = np.sort(found)
            ids = ids[mask_of(self.rows[ids], where)]
        scores = self.half[ids].astype(np.float32) @ query
        passing = scores >= threshold
        return hits_of(self.rows[ids[passing]], scores[passing])

    def vectors_at(self, positions: npt.NDArray[np.int64]) -> Vectors:
        """Return the vectors of some rows."""
        return self.half[positions].astype(np.float32)

    def _as_block(self) -> Block:
        return Block(self.rows, self.half.astype(np.float32))


def train(vectors: Vectors, recall: float) -> Ann:
    """Build an inverted file over unit vectors (n, d) that reaches a recall@10.

    Recall is measured on a sample of the segment's own vectors against exact search, the query
    itself left out. Lists are visited in doubling numbers until it suffices, at the end all.
    """
    lists = max(1, int(2 * np.sqrt(len(vectors))))
    index: Any = faiss.index_factory(
        vectors.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT
    )
    index.cp.min_points_per_centroid = 5
    index.train(vectors)
    index.add(vectors)
    step = max(1, len(vectors) // _SAMPLE)
    sample = np.arange(0, len(vectors), step)[:_SAMPLE]
    exact, _ = faiss.knn(vectors[sample], vectors, _SAMPLE_K + 1, metric=faiss.METRIC_INNER_PRODUCT)
    nprobe = 1
    while nprobe < lists and _recall(Ann(index, nprobe), vectors, sample, exact[:, -1]) < recall:
        nprobe *= 2
    return Ann(index, min(nprobe, lists))


def _recall(
    ann: Ann,
    vectors: Vectors,
    sample: npt.NDArray[np.int64],
    worst: npt.NDArray[np.float32],
) -> float:
    """Return the recall of a sample, given the score (n,) of each one's last true neighbour.

    By score, not by id: of a prompt's many copies any ten are as near.
    """
    k = _SAMPLE_K + 1
    _, ids = ann.index.search(vectors[sample], _RERANK * k, params=ann.parameters())
    scores = np.einsum("nkd,nd->nk", vectors[ids], vectors[sample])
    scores[ids < 0] = -np.inf
    near = (scores >= worst[:, None] - _SAME_SCORE).sum(axis=1).clip(1, k)
    # One of them is the query itself.
    return float((near - 1).mean() / _SAMPLE_K)
