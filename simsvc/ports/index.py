"""Nearest neighbours over the recorded vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from simsvc.domain.grouping import Hits

Vectors = npt.NDArray[np.float32]

ROW_DTYPE = np.dtype(
    [
        ("seq", "i8"),
        ("account", "i8"),
        ("organization", "i8"),
        ("observed_at", "i8"),
        ("family", "i8"),
    ]
)
Rows = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class IndexFilter:
    """All that is set must hold. Times are µs; `start` is inclusive, `end` exclusive."""

    account: int | None = None
    organization: int | None = None
    start: int | None = None
    end: int | None = None
    up_to_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The k nearest of each of n queries, best first: scores (n, k) and rows (n, k).

    Where there are fewer than k, the score is −inf and the row's seq 0.
    """

    scores: Vectors
    rows: Rows


@dataclass(frozen=True, slots=True)
class IndexStats:
    """Sizes, and the highest seq added."""

    prompts: int
    segments: int
    last_seq: int


class VectorIndex(Protocol):
    """Unit vectors with the columns of ROW_DTYPE. One thread adds; any may search meanwhile."""

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        ...

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """Add rows in ascending order of seq, all above those added before."""
        ...

    def nearest(self, queries: Vectors, k: int) -> Neighbours:
        """Find the k nearest of each query (n, d), by cosine."""
        ...

    def over(self, query: Vectors, threshold: float, where: IndexFilter) -> Hits:
        """Return every row with cosine ≥ threshold to the query (d,) that the filter lets pass."""
        ...

    def vectors(self, seqs: Sequence[int]) -> Vectors:
        """Return the stored vectors (n, d). A row of zeros for a seq that is not there."""
        ...

    def drop_before(self, time: int) -> int:
        """Let nothing be found of buckets that end by `time` (µs); return how many rows went."""
        ...

    def stats(self) -> IndexStats:
        """Return sizes."""
        ...
