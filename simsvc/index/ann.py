"""How many lists of an inverted file a search visits, so that it finds what it should.

A search that asks for the ten nearest of a whole index needs fewer of a segment that holds a tenth
of it, and visits fewer of its lists.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from simsvc.index.block import Ids, Mask, highest
from simsvc.index.inverted import (
    AT_ONCE,
    Check,
    Half,
    InvertedFile,
    carry_on,
    fill,
    main_directions,
    unseen,
    wide,
)
from simsvc.ports.index import Vectors

# Queries that recall is measured with.
_SAMPLE = 1000
_SAMPLE_K = 10
# Neighbours of the ten nearest that a segment may hold: each has its own number of lists.
_RANKS = (1, 2, 3, 5, 7, _SAMPLE_K)
_SAME_SCORE = 1e-5
# Queries whose candidates fit the processor's cache.
_AT_ONCE = 64
# Steps of a tenth that are taken at once: three quarters as many lists again.
_STRIDE = 6
# Product codes of fewer rows say too little of them.
_LEAST_FOR_PRODUCT = 1024
_SPARE, _LEAST_CANDIDATES = 32, 64


def reranked(k: int) -> int:
    """Return how many candidates are scored for k neighbours."""
    return max(k + _SPARE, _LEAST_CANDIDATES)


@dataclass(frozen=True, slots=True)
class Ann:
    """A trained inverted file, and how many of its lists a search visits for each of `_RANKS`."""

    file: InvertedFile
    visits: tuple[int, ...]

    def search(
        self, queries: Vectors, count: int, share: float = 1.0, living: Mask | None = None
    ) -> tuple[Vectors, Ids]:
        """Return the best by their codes: scores and positions (n, count), −1 for none.

        `share` is the segment's part of all rows that are searched; only rows that `living` (n,)
        names are found.
        """
        rank = next(i for i, held in enumerate(_RANKS) if held >= min(share, 1.0) * _SAMPLE_K)
        return self.file.search(queries, count, self.visits[rank], living)

    def visited(self, query: Vectors) -> Ids:
        """Return the positions of all rows in the lists that a search of (d,) visits, ascending."""
        return self.file.visited(query, self.visits[-1])


def train(vectors: Vectors | Half, recall: float, check: Check = carry_on) -> Ann:
    """Build an inverted file over unit vectors (n, d) that reaches a recall@10.

    Recall is measured on a sample of the segment's own vectors against exact search, the query
    itself left out; as few lists are visited as suffice. Where product codes of the main
    directions do not reach it, those of all are taken, then 8-bit codes; in the end, as for a
    recall of 1, which no sample can show, these with all lists.
    """
    count, dimension = vectors.shape
    sample = unseen(count, _SAMPLE)
    true = _true_scores(wide(vectors[sample]), vectors, check)
    halves = dimension % 2 == 0 and count >= _LEAST_FOR_PRODUCT and recall < 1
    for directions in _turns(vectors) if halves else ():
        file = fill(vectors, directions, product=True, check=check)
        # Finer codes are cheaper than most of the lists.
        most = file.lists if directions is None else file.lists // 2
        if visits := _visits(file, most, vectors, sample, true, recall, check):
            return Ann(file, visits)
    file = fill(vectors, product=False, check=check)
    all_lists = (file.lists,) * len(_RANKS)
    if recall == 1:
        return Ann(file, all_lists)
    return Ann(file, _visits(file, file.lists, vectors, sample, true, recall, check) or all_lists)


def _turns(vectors: Vectors | Half) -> list[Vectors | None]:
    """Return what vectors may be turned onto before they are coded; None for not at all."""
    main = main_directions(vectors)
    return [None] if main is None else [main, None]


def _steps(most: int) -> list[int]:
    """Return 1, 2, 3 … and on by a tenth, and `most`: the cost of a search grows with each."""
    steps = [1]
    while steps[-1] < most:
        steps.append(min(most, max(steps[-1] + 1, steps[-1] * 11 // 10)))
    return steps


def _true_scores(queries: Vectors, vectors: Vectors | Half, check: Check) -> Vectors:
    """Return the scores (n, 11) of each query and its ten true neighbours, the highest first."""
    k = min(_SAMPLE_K + 1, len(vectors))
    best = np.full((len(queries), 0), -np.inf, np.float32)
    for start in range(0, len(vectors), AT_ONCE):
        check()
        scores = queries @ wide(vectors[start : start + AT_ONCE]).T
        scores = np.take_along_axis(scores, highest(scores, k), axis=1)
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :k]
    return best


def _visits(
    file: InvertedFile,
    most: int,
    vectors: Vectors | Half,
    sample: Ids,
    true: Vectors,
    recall: float,
    check: Check,
) -> tuple[int, ...]:
    """Return the least lists with which each of `_RANKS` reaches a recall.

    () if one does not in `most` of them. More neighbours never need fewer lists: where a sample
    says so, it is chance.
    """
    queries = wide(vectors[sample])
    steps = _steps(most)

    @cache
    def scores_at(place: int) -> Vectors:
        check()
        found = [
            _scored(file, vectors, part, steps[place])
            for part in np.array_split(queries, -(-len(queries) // _AT_ONCE))
        ]
        return np.concatenate(found)

    def suffices(rank: int, place: int) -> bool:
        return _recall(scores_at(place), true, rank) >= recall

    place = 0
    visits: list[int] = []
    for rank in _RANKS:
        place = first_where(place, len(steps), partial(suffices, rank))
        if place == len(steps):
            return ()
        visits.append(steps[place])
    return tuple(visits)


def _scored(file: InvertedFile, vectors: Vectors | Half, queries: Vectors, visits: int) -> Vectors:
    """Return the scores (n, c) of the candidates that queries find in some lists."""
    _, ids = file.search(queries, reranked(_SAMPLE_K + 1), visits)
    scores: Vectors = np.matmul(wide(vectors[ids]), queries[:, :, None])[:, :, 0]
    scores[ids < 0] = -np.inf
    return scores


def first_where(start: int, end: int, holds: Callable[[int], bool]) -> int:
    """Return the first place of [start, end) where something holds, and after it always; or `end`.

    In strides, since the last places cost most.
    """
    while start < end:
        last = min(start + _STRIDE, end) - 1
        if holds(last):
            return bisect_left(range(last), True, start, key=holds)
        start = last + 1
    return end


def _recall(scores: Vectors, true: Vectors, rank: int) -> float:
    """Return the recall of the nearest `rank`, given scores found (n, k) and the true ones.

    By score, not by id: of a prompt's many copies any ten are as near.
    """
    rank = min(rank, true.shape[1] - 1)
    near = (scores >= true[:, rank, None] - _SAME_SCORE).sum(axis=1).clip(1, rank + 1)
    # One of them is the query itself.
    return float((near - 1).mean() / rank) if rank else 1.0
