"""Inverted files: which rows of a segment are looked at, and how well that finds the nearest.

Rows lie in lists around centroids that were trained on them. Within a list they are compared by
codes: 4-bit product codes of two dimensions each, scanned by FAISS with SIMD look-ups ("fast
scan", André et al. 2015, VLDB 9(4), 288–299), a quarter of the size of 8-bit scalar codes and
several times as fast (docs/decisions/0008-index-codes.md). They only choose candidates: what is
near enough is scored again with the vectors themselves.

A search that asks for the ten nearest of a whole index needs fewer of a segment that holds a tenth
of it, and visits fewer of its lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from simsvc.index.block import highest
from simsvc.ports.index import Vectors

Half = npt.NDArray[np.float16]
Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
# Queries that recall is measured with, at the least, and rows for each in a large segment.
_SAMPLE, _ROWS_A_SAMPLE = 300, 512
_SAMPLE_K = 10
# Neighbours of the ten nearest that a segment may hold: each has its own number of lists.
_RANKS = (1, 2, 3, 5, 7, _SAMPLE_K)
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
_SPARE = 48


def reranked(k: int) -> int:
    """Return how many candidates are scored for k neighbours."""
    return k + _SPARE


@dataclass(frozen=True, slots=True)
class Ann:
    """A trained inverted file, and how many of its lists a search visits for each of `_RANKS`."""

    index: Any
    visits: tuple[int, ...]

    def search(
        self, queries: Vectors, count: int, share: float = 1.0, living: Mask | None = None
    ) -> tuple[Vectors, Ids]:
        """Return the best by their codes: scores and positions (n, count), −1 for none.

        `share` is the segment's part of all rows that are searched; only rows that `living` (n,)
        names are found.
        """
        rank = next(i for i, held in enumerate(_RANKS) if held >= min(share, 1.0) * _SAMPLE_K)
        return _search(self.index, queries, count, self.visits[rank], living)

    def visited(self, query: Vectors) -> Ids:
        """Return the positions of all rows in the lists that a search of (d,) visits, ascending."""
        lists, _ = _nearest_lists(self.index, query[None], self.visits[-1])
        held = self.index.invlists
        parts = [
            faiss.rev_swig_ptr(held.get_ids(number), size).copy()
            for number in lists[0].tolist()
            if (size := held.list_size(number))
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
    wanted = max(_SAMPLE, count // _ROWS_A_SAMPLE)
    sample = np.arange(0, count, max(1, count // wanted))[:wanted]
    true = _true_scores(_wide(vectors[sample]), vectors)
    halves = dimension % 2 == 0 and count >= _LEAST_FOR_PRODUCT and recall < 1
    for codes in (f"PQ{dimension // 2}x4fs", "SQ8") if halves else ("SQ8",):
        index = _filled(vectors, codes)
        visits = _visits(index, vectors, sample, true, recall) if recall < 1 else ()
        if visits:
            return Ann(index, visits)
    return Ann(index, (index.nlist,) * len(_RANKS))


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


def _search(
    index: Any, queries: Vectors, count: int, visits: int, living: Mask | None = None
) -> tuple[Vectors, Ids]:
    """Return the best of each query (n, d) by their codes: scores and positions (n, count)."""
    queries = np.ascontiguousarray(queries, np.float32)
    lists, nearness = _nearest_lists(index, queries, visits)
    scores = np.empty((len(queries), count), np.float32)
    ids = np.empty((len(queries), count), np.int64)
    # Passed along, so that threads do not share state; FAISS's own wrapper takes no parameters.
    parameters = faiss.SearchParametersIVF(  # type: ignore[call-arg]
        nprobe=lists.shape[1], sel=None if living is None else _selector(living)
    )
    arrays = [faiss.swig_ptr(array) for array in (lists, nearness, scores, ids)]
    index.search_preassigned_c(
        len(queries), faiss.swig_ptr(queries), count, *arrays, False, parameters
    )
    return scores, ids


def _selector(living: Mask) -> Any:
    bits: Any = np.packbits(living, bitorder="little")
    return faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg]


def _nearest_lists(index: Any, queries: Vectors, visits: int) -> tuple[Ids, Vectors]:
    """Return the lists (n, visits) whose centroids are nearest to queries (n, d), and how near.

    A third of the time that FAISS's own search for that many takes.
    """
    centroids: Any = faiss.downcast_index(index.quantizer)
    held = faiss.rev_swig_ptr(centroids.get_xb(), centroids.ntotal * index.d)
    nearness = queries @ held.reshape(-1, index.d).T
    if visits >= centroids.ntotal:
        everything = np.arange(centroids.ntotal, dtype=np.int64)
        return np.tile(everything, (len(queries), 1)), nearness
    lists = np.argpartition(-nearness, visits - 1, axis=1)[:, :visits]
    chosen = np.take_along_axis(nearness, lists, axis=1)
    return np.ascontiguousarray(lists), np.ascontiguousarray(chosen)


def _steps(lists: int) -> Iterator[int]:
    """Yield 1, 2, 3 … and on by a fifth, and `lists`: the cost of a search grows with each."""
    nprobe = 1
    while nprobe < lists:
        yield nprobe
        nprobe = max(nprobe + 1, nprobe * 6 // 5)
    yield lists


def _wide(vectors: Vectors | Half) -> Vectors:
    return np.ascontiguousarray(vectors, np.float32)


def _true_scores(queries: Vectors, vectors: Vectors | Half) -> Vectors:
    """Return the scores (n, 11) of each query and its ten true neighbours, the highest first."""
    k = min(_SAMPLE_K + 1, len(vectors))
    best = np.full((len(queries), 0), -np.inf, np.float32)
    for start in range(0, len(vectors), _AT_ONCE):
        scores = queries @ _wide(vectors[start : start + _AT_ONCE]).T
        scores = np.take_along_axis(scores, highest(scores, k), axis=1)
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :k]
    return best


def _visits(
    index: Any, vectors: Vectors | Half, sample: Ids, true: Vectors, recall: float
) -> tuple[int, ...]:
    """Return the least lists with which each of `_RANKS` reaches a recall; () if one does not."""
    queries = _wide(vectors[sample])
    found: dict[int, int] = {}
    for nprobe in _steps(index.nlist):
        _, ids = _search(index, queries, reranked(_SAMPLE_K + 1), nprobe)
        scores = np.einsum("nkd,nd->nk", _wide(vectors[ids]), queries)
        scores[ids < 0] = -np.inf
        for rank in _RANKS:
            if rank not in found and _recall(scores, true, rank) >= recall:
                found[rank] = nprobe
        if len(found) == len(_RANKS):
            # More neighbours never need fewer lists: where a sample says so, it is chance.
            return tuple(np.maximum.accumulate([found[rank] for rank in _RANKS]).tolist())
    return ()


def _recall(scores: Vectors, true: Vectors, rank: int) -> float:
    """Return the recall of the nearest `rank`, given scores found (n, k) and the true ones.

    By score, not by id: of a prompt's many copies any ten are as near.
    """
    rank = min(rank, true.shape[1] - 1)
    near = (scores >= true[:, rank, None] - _SAME_SCORE).sum(axis=1).clip(1, rank + 1)
    # One of them is the query itself.
    return float((near - 1).mean() / rank) if rank else 1.0
