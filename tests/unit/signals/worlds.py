"""Small made-up worlds of accounts: habits, shares of one source, and cover."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DIMENSIONS = 64

Rows = npt.NDArray[np.float64]


def unit(rows: Rows) -> Rows:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def direction(rng: np.random.Generator, length: float = 1.0) -> Rows:
    return length * unit(rng.normal(size=DIMENSIONS))


def prompts(rng: np.random.Generator, mean: Rows, count: int) -> npt.NDArray[np.float32]:
    """Return unit vectors about a mean, with noise of length about one."""
    noise = rng.normal(0, 1 / np.sqrt(DIMENSIONS), (count, DIMENSIONS))
    return unit(mean + noise).astype(np.float32)


def stacked(
    parts: list[npt.NDArray[np.float32]],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the vectors of accounts one below the other, and their owners."""
    owners = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    return np.concatenate(parts), owners
