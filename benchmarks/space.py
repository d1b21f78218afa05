"""Made-up vectors that lie as those of prompts do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Chosen so that of embeddings of real prompts there are about as many main directions (272 to 256)
# and lists that an inverted file visits (50 of 632 at 100,000), and similar cosines between any two
# (spread .10 to .08).
RANK, _SCALE, _HABIT = 16, 1.65, 0.7
Floats = npt.NDArray[np.float32]


class Space:
    """Unit vectors (n, d) of latent points (n, RANK).

    By random features (Rahimi & Recht 2007, NIPS 20).
    """

    def __init__(self, chosen: np.random.Generator, dimension: int) -> None:
        self._basis = chosen.standard_normal((RANK, dimension), np.float32)
        self._basis *= _SCALE / np.sqrt(RANK)
        self._phase = 2 * np.pi * chosen.random(dimension)

    def at(self, points: Floats) -> Floats:
        """Return the vectors of points whose coordinates are normal, of variance 1."""
        vectors = np.cos(points @ self._basis + self._phase).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def around(habits: Floats, chosen: np.random.Generator) -> Floats:
    """Return a point near each habit (n, RANK): people ask about what they asked about before."""
    asked = np.sqrt(1 - _HABIT**2) * chosen.standard_normal(habits.shape, np.float32)
    points: Floats = _HABIT * habits + asked
    return points
