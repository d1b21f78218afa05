"""Inverted files: which rows of a segment are looked at, and how well that finds the nearest.

Rows lie in lists around centroids that were trained on them. Within a list they are compared by
codes: 4-bit product codes of two dimensions each, scanned by FAISS with SIMD look-ups ("fast
scan", André et al. 2015, VLDB 9(4), 288–299), a quarter of the size of 8-bit scalar codes and
several times as fast (docs/decisions/0008-index-codes.md). They only choose candidates: what is
near enough is scored again with the vectors themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from simsvc.ports.index import Vectors

Half = npt.NDArray[np.float16]
Ids = npt.NDArray[np.int64]
_SAMPLE = 200
_SAMPLE_K = 10
_SAME_SCORE = 1e-5
_AT_ONCE = 16_384
# Lists are this many times the root of the rows: more make training slow, fewer make lists long.
_LISTS = 2
# Vectors a list that the clustering looks at: more gains little and takes its time.
_PER_LIST = 64
_LEAST_IN_LIST = 8
# Of k-means: more take longer and bring no recall.
_ROUNDS = 10
# Product codes of fewer rows say too little of them.
_LEAST_FOR_PRODUCT = 1024


def reranked(k: int) -> int:
    """Return how many candidates are scored for k neighbours."""
    return 2 * k + 32


@dataclass(frozen=True, slots=True)
class Ann:
    """A trained inverted file and the number of its lists that a search visits."""

    index: Any
    nprobe: int

    def search(self, queries: Vectors, count: int) -> tuple[Vectors, Ids]:
        """Return the best by their codes: scores and positions (n, count), −1 for none."""
        # Passed along, so that threads do not share state.
        visit = faiss.SearchParametersIVF(nprobe=self.nprobe)  # type: ignore[call-arg]
        scores, ids = self.index.search(queries, count, params=visit)
        return scores, ids

    def visited(self, query: Vectors) -> Ids:
        """Return the positions of all rows in the lists that a search of (d,) visits, ascending."""
        _, lists = self.index.quantizer.search(query[None], self.nprobe)
        held = self.index.invlists
        parts = [
            faiss.rev_swig_ptr(held.get_ids(number), size).copy()
            for number in lists[0].tolist()
            if number >= 0 and (size := held.list_size(number))
        ]
        return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))


def train(vectors: Vectors | Half, recall: float) -> Ann:
    """Build an inverted file over unit vectors (n, d) that reaches a recall@10.

    Recall is measured on a sample of the segment's own vectors against exact search, the query
    itself left out. Ever more lists are visited until it suffices. Where product codes do not reach
    it in all lists, 8-bit codes are taken; in the end, as for a recall of 1, which no sample can
    show, these with all lists.
    """
    count, dimension = vectors.shape
    step = max(1, count // _SAMPLE)
    sample = np.arange(0, count, step)[:_SAMPLE]
    worst = _last_true(_wide(vectors[sample]), vectors)
    halves = dimension % 2 == 0 and count >= _LEAST_FOR_PRODUCT and recall < 1
    for codes in (f"PQ{dimension // 2}x4fs", "SQ8") if halves else ("SQ8",):
        index = _filled(vectors, codes)
        for nprobe in _steps(index.nlist) if recall < 1 else ():
            if _recall(Ann(index, nprobe), vectors, sample, worst) >= recall:
                return Ann(index, nprobe)
    return Ann(index, index.nlist)


def _filled(vectors: Vectors | Half, codes: str) -> Any:
    """Return an inverted file that holds vectors (n, d), trained on a sample of them."""
    count, dimension = vectors.shape
    lists = max(1, min(int(_LISTS * np.sqrt(count)), count // _LEAST_IN_LIST))
    index: Any = faiss.index_factory(dimension, f"IVF{lists},{codes}", faiss.METRIC_INNER_PRODUCT)
    if codes != "SQ8":
        # Codes of the vectors themselves: a query is looked up once, not once a list.
        index.by_residual = False
        index.pq.cp.niter = _ROUNDS
    index.cp.niter = _ROUNDS
    index.cp.min_points_per_centroid = 5
    # More than the clustering looks at would only take memory.
    step = max(1, count // max(_PER_LIST * lists, _AT_ONCE))
    index.train(_wide(vectors[::step]))
    for start in range(0, count, _AT_ONCE):
        index.add(_wide(vectors[start : start + _AT_ONCE]))
    return index


def _steps(lists: int) -> Iterator[int]:
    """Yield 1, 2, 3 … and on by a fifth, and `lists`: the cost of a search grows with each."""
    nprobe = 1
    while nprobe < lists:
        yield nprobe
        nprobe = max(nprobe + 1, nprobe * 6 // 5)
    yield lists


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
    _, ids = ann.search(queries, reranked(k))
    scores = np.einsum("nkd,nd->nk", _wide(vectors[ids]), queries)
    scores[ids < 0] = -np.inf
    near = (scores >= worst[:, None] - _SAME_SCORE).sum(axis=1).clip(1, k)
    # One of them is the query itself.
    return float((near - 1).mean() / _SAMPLE_K)
