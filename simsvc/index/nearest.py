"""The search for neighbours over all parts of an index, on several threads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import pairwise

import numpy as np

from simsvc.index.block import Block, best_of
from simsvc.index.parallel import all_of
from simsvc.index.sealed import SealedSegment, best_candidates
from simsvc.ports.index import Neighbours, Vectors

# Fewer queries, or rows, are done before another thread has woken.
_LEAST_QUERIES, _LEAST_ROWS = 8, 1024


def nearest_in(
    parts: Sequence[Block | SealedSegment],
    queries: Vectors,
    k: int,
    threads: int,
    helpers: Executor | None,
) -> Neighbours:
    """Find the k nearest of each query (n, d) in all parts, none of them empty.

    Threads, one of them the caller's, share the queries where there is an inverted file, and the
    rows of what is searched row by row: BLAS arranges all rows anew for each product, so that two
    products with half of them take less than two with half of the queries.
    """
    threads = max(1, min(threads, len(queries) // _LEAST_QUERIES))
    filed = [p for p in parts if isinstance(p, SealedSegment) and p.ann is not None]
    unfiled = [p for p in parts if isinstance(p, Block) or p.ann is None]
    exact = [p if isinstance(p, Block) else p.as_block() for p in unfiled]
    large = [b for b in exact if len(b) >= _LEAST_ROWS * threads]
    small = [b for b in exact if len(b) < _LEAST_ROWS * threads]
    by_row = [partial(_by_row, [b], queries, k) for block in large for b in _cut(block, threads)]
    by_row += [partial(_by_row, small, queries, k)] if small else []
    rows = sum(map(_remaining, parts))
    shares = np.array_split(queries, threads) if filed else []
    by_list = [partial(_in_lists, filed, rows, share, k) for share in shares]
    found = all_of([*by_list, *by_row], helpers, threads)
    first, others = found[: len(by_list)], found[len(by_list) :]
    together = [_of_all(first)] if first else []
    return best_of([*others, *together], len(queries), k)


def _cut(block: Block, pieces: int) -> list[Block]:
    edges = np.linspace(0, len(block), pieces + 1).astype(int).tolist()
    return [Block(block.rows[a:b], block.vectors[a:b]) for a, b in pairwise(edges)]


def _remaining(part: Block | SealedSegment) -> int:
    return part.remaining if isinstance(part, SealedSegment) else len(part)


def _by_row(blocks: Sequence[Block], queries: Vectors, k: int) -> Neighbours:
    return best_of([block.nearest(queries, k) for block in blocks], len(queries), k)


def _in_lists(segments: Sequence[SealedSegment], rows: int, queries: Vectors, k: int) -> Neighbours:
    candidates = [s.candidates(queries, k, len(s) / rows) for s in segments]
    return best_candidates(candidates, queries, k)


def _of_all(shares: Sequence[Neighbours]) -> Neighbours:
    """Put the neighbours of a batch's shares together again."""
    return Neighbours(
        np.concatenate([s.scores for s in shares]), np.concatenate([s.rows for s in shares])
    )
