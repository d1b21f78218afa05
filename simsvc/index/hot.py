"""The segment that is written to."""

from __future__ import annotations

import numpy as np

from simsvc.index.block import Block
from simsvc.ports.index import ROW_DTYPE, Rows, Vectors

_FIRST_CAPACITY = 256


class HotSegment:
    """Arrays that only ever grow at the end, searched exactly.

    `block` is replaced as a whole after the new rows are written behind the old ones: a search
    works on the block that it took, whatever is added meanwhile, and needs no lock.
    """

    def __init__(self, bucket: int, ordinal: int, dimension: int) -> None:
        self.bucket = bucket
        self.ordinal = ordinal
        self._rows = np.empty(_FIRST_CAPACITY, ROW_DTYPE)
        self._vectors = np.empty((_FIRST_CAPACITY, dimension), np.float32)
        self.block = Block(self._rows[:0], self._vectors[:0])

    @property
    def part(self) -> Block:
        """Return what a search works on."""
        return self.block

    @property
    def remaining(self) -> int:
        """Return how many rows there are: a hot segment goes as a whole."""
        return len(self.block)

    def append(self, rows: Rows, vectors: Vectors) -> None:
        """Add rows; one thread at a time."""
        start, end = len(self.block), len(self.block) + len(rows)
        if end > len(self._rows):
            self._grow(end)
        self._rows[start:end] = rows
        self._vectors[start:end] = vectors
        self.block = Block(self._rows[:end], self._vectors[:end])

    def _grow(self, needed: int) -> None:
        capacity = max(needed, 2 * len(self._rows))
        old = self.block
        self._rows = np.empty(capacity, ROW_DTYPE)
        self._vectors = np.empty((capacity, old.vectors.shape[1]), np.float32)
        self._rows[: len(old)] = old.rows
        self._vectors[: len(old)] = old.vectors
