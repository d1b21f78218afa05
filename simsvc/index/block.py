"""Rows with their vectors, searched exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.domain.grouping import HIT_DTYPE, Hits
from simsvc.ports.index import ROW_DTYPE, IndexFilter, Neighbours, Rows, Vectors

# Scores in a group of `highest`.
_GROUP = 16
Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_COPIED = ("seq", "account", "organization", "observed_at")


@dataclass(frozen=True, slots=True)
class Block:
    """Rows (n,) of ROW_DTYPE and unit vectors (n, d); nobody changes them any more."""

    rows: Rows
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(self, queries: Vectors, k: int) -> Neighbours:
        """See `VectorIndex.nearest`."""
        k = min(k, len(self))
        # Twice as fast as faiss.knn on one core, for as many queries as a batch has.
        scores = queries @ self.vectors.T
        ids = highest(scores, k)
        best = np.take_along_axis(scores, ids, axis=1)
        return Neighbours(best, self.rows[ids])

    def over(self, query: Vectors, threshold: float, where: IndexFilter) -> Hits:
        """See `VectorIndex.over`."""
        scores = self.vectors @ query
        passing = np.flatnonzero((scores >= threshold) & mask_of(self.rows, where))
        return hits_of(self.rows[passing], scores[passing])

    def holding(self, wanted: Ids) -> tuple[Mask, Ids]:
        """Return which of the seqs wanted (n,) are here, and the positions of those."""
        return places_of(self.rows["seq"], wanted)

    def vectors_at(self, positions: Ids) -> Vectors:
        """Return the vectors of some rows."""
        return self.vectors[positions]


def places_of(seqs: Ids, wanted: Ids) -> tuple[Mask, Ids]:
    """Return which of the seqs wanted (n,) are among ascending ones (≥ 1), and where those lie."""
    at = np.searchsorted(seqs, wanted).clip(max=len(seqs) - 1)
    hit = seqs[at] == wanted
    return hit, at[hit]


def highest(scores: Vectors, k: int) -> Ids:
    """Return the places (n, ≤ k) of the highest scores (n, m) of each row, the highest first.

    Long rows are cut into groups, and the groups compared by their highest first: the k highest
    scores lie in the k highest groups.
    """
    count, width = scores.shape
    groups = width // _GROUP
    if groups > 2 * k:
        grouped = scores[:, : groups * _GROUP].reshape(count, _GROUP, groups)
        best = np.argpartition(-grouped.max(axis=1), k - 1, axis=1)[:, :k]
        inside = best[:, None, :] + groups * np.arange(_GROUP)[:, None]
        rest = np.broadcast_to(np.arange(groups * _GROUP, width), (count, width - groups * _GROUP))
        places = np.concatenate([inside.reshape(count, _GROUP * k), rest], axis=1)
        chosen = highest(np.take_along_axis(scores, places, axis=1), k)
        return np.take_along_axis(places, chosen, axis=1)
    places = np.broadcast_to(np.arange(width), scores.shape)
    if width > k:
        places = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)


def mask_of(rows: Rows, where: IndexFilter) -> Mask:
    """Return which rows a filter lets pass."""
    mask = np.ones(len(rows), dtype=np.bool_)
    if where.account is not None:
        mask &= rows["account"] == where.account
    if where.organization is not None:
        mask &= rows["organization"] == where.organization
    if where.start is not None:
        mask &= rows["observed_at"] >= where.start
    if where.end is not None:
        mask &= rows["observed_at"] < where.end
    if where.up_to_seq is not None:
        mask &= rows["seq"] <= where.up_to_seq
    return mask


def hits_of(rows: Rows, scores: Vectors) -> Hits:
    """Return rows with their scores as hits."""
    hits = np.empty(len(rows), dtype=HIT_DTYPE)
    hits["score"] = scores
    for name in _COPIED:
        hits[name] = rows[name]
    return hits


def best_of(parts: list[Neighbours], queries: int, k: int) -> Neighbours:
    """Merge the neighbours found in several places and keep the k best of each query."""
    scores = np.full((queries, k), -np.inf, dtype=np.float32)
    rows = np.zeros((queries, k), dtype=ROW_DTYPE)
    if parts:
        all_scores = np.concatenate([p.scores for p in parts], axis=1)
        all_rows = np.concatenate([p.rows for p in parts], axis=1)
        order = np.argsort(-all_scores, axis=1, kind="stable")[:, :k]
        width = order.shape[1]
        scores[:, :width] = np.take_along_axis(all_scores, order, axis=1)
        rows[:, :width] = np.take_along_axis(all_rows, order, axis=1)
        rows[np.isneginf(scores)] = np.zeros((), dtype=ROW_DTYPE)
    return Neighbours(scores, rows)
