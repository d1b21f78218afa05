"""Segments that are complete: compressed for the search, exact for the score.

A large one has an inverted file of 8-bit codes (FAISS `IVF…,SQ8`) trained on its own vectors; its
candidates are scored again with the fp16 vectors, which lie memory-mapped beside it. So a score
does not change when a segment is sealed, and pages that were cut before still fit. A small one is
searched exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from simsvc.domain.grouping import Hits
from simsvc.index.block import Block, best_of, hits_of, mask_of
from simsvc.ports.index import IndexFilter, Neighbours, Rows, Vectors

_RERANK = 4
# 8-bit codes move a score by less than this (the sealing checks recall, not this bound).
_CODE_SLACK = 0.02
_SAMPLE = 200
_SAMPLE_K = 10
_SAME_SCORE = 1e-5
_AT_ONCE = 16_384
# Vectors a list that the clustering looks at: more gains little and takes its time.
_PER_LIST = 64
_LEAST_IN_LIST = 8
Half = npt.NDArray[np.float16]
Ids = npt.NDArray[np.int64]


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
        if self.ann is None:
            return self._as_block().nearest(queries, min(k, len(self)))
        return best_of(nearest_in([self], queries, k), len(queries), min(k, len(self)))

    def candidates(self, queries: Vectors, count: int) -> tuple[Vectors, Ids]:
        """Return scores by the codes, and positions, of about the nearest (n, ≤ count)."""
        if self.ann is None:
            raise ValueError("only a segment with an inverted file has candidates")
        wanted = min(count, len(self))
        scores, ids = self.ann.index.search(queries, wanted, params=self.ann.parameters())
        return scores, ids

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


def nearest_in(segments: Sequence[SealedSegment], queries: Vectors, k: int) -> list[Neighbours]:
    """Return the nearest in each of some segments with inverted files, scored exactly.

    Only what is among the best of all of them by the codes is scored: however many the segments,
    a query costs the fp16 vectors of four times k.
    """
    found = [segment.candidates(queries, _RERANK * k) for segment in segments]
    if not found:
        return []
    scores = np.concatenate([approximate for approximate, _ in found], axis=1)
    least = np.full((len(queries), 1), -np.inf, np.float32)
    if scores.shape[1] > _RERANK * k:
        least = -np.partition(-scores, _RERANK * k - 1, axis=1)[:, [_RERANK * k - 1]]
    results = []
    for segment, (approximate, ids) in zip(segments, found, strict=True):
        query, place = np.nonzero((approximate >= least) & (ids >= 0))
        vectors = segment.half[ids[query, place]].astype(np.float32)
        exact = np.full(ids.shape, -np.inf, np.float32)
        exact[query, place] = np.einsum("nd,nd->n", vectors, queries[query])
        results.append(Neighbours(exact, segment.rows[ids]))
    return results


def train(vectors: Vectors | Half, recall: float) -> Ann:
    """Build an inverted file over unit vectors (n, d) that reaches a recall@10.

    Recall is measured on a sample of the segment's own vectors against exact search, the query
    itself left out. Ever more lists are visited until it suffices, at the end all; for a recall of
    1, which no sample can show, all of them.
    """
    lists = max(1, min(int(4 * np.sqrt(len(vectors))), len(vectors) // _LEAST_IN_LIST))
    index: Any = faiss.index_factory(
        vectors.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT
    )
    index.cp.min_points_per_centroid = 5
    # More than the clustering looks at would only take memory.
    step = max(1, len(vectors) // (_PER_LIST * lists))
    index.train(_wide(vectors[::step]))
    for start in range(0, len(vectors), _AT_ONCE):
        index.add(_wide(vectors[start : start + _AT_ONCE]))
    step = max(1, len(vectors) // _SAMPLE)
    sample = np.arange(0, len(vectors), step)[:_SAMPLE]
    worst = _last_true(_wide(vectors[sample]), vectors)
    for nprobe in _steps(lists) if recall < 1 else ():
        if _recall(Ann(index, nprobe), vectors, sample, worst) >= recall:
            return Ann(index, nprobe)
    return Ann(index, lists)


def _steps(lists: int) -> Iterator[int]:
    """Yield 1, 2, 3, 4, 6, 8, 12 … below `lists`: the cost of a search grows with each."""
    power = 1
    while power < lists:
        yield power
        if power > 1 and power * 3 // 2 < lists:
            yield power * 3 // 2
        power *= 2


def _wide(vectors: Vectors | Half) -> Vectors:
    return np.ascontiguousarray(vectors, np.float32)


def _last_true(queries: Vectors, vectors: Vectors | Half) -> Vectors:
    """Return the score (n,) of the last of each query's true neighbours, itself counted."""
    k = min(_SAMPLE_K + 1, len(vectors))
    best = np.full((len(queries), 0), -np.inf, np.float32)
    for start in range(0, len(vectors), _AT_ONCE):
        part = _wide(vectors[start : start + _AT_ONCE])
        scores, _ = faiss.knn(queries, part, min(k, len(part)), metric=faiss.METRIC_INNER_PRODUCT)
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :k]
    last: Vectors = best[:, -1]
    return last


def _recall(
    ann: Ann,
    vectors: Vectors | Half,
    sample: npt.NDArray[np.int64],
    worst: npt.NDArray[np.float32],
) -> float:
    """Return the recall of a sample, given the score (n,) of each one's last true neighbour.

    By score, not by id: of a prompt's many copies any ten are as near.
    """
    k = _SAMPLE_K + 1
    queries = _wide(vectors[sample])
    _, ids = ann.index.search(queries, _RERANK * k, params=ann.parameters())
    scores = np.einsum("nkd,nd->nk", _wide(vectors[ids]), queries)
    scores[ids < 0] = -np.inf
    near = (scores >= worst[:, None] - _SAME_SCORE).sum(axis=1).clip(1, k)
    # One of them is the query itself.
    return float((near - 1).mean() / _SAMPLE_K)
