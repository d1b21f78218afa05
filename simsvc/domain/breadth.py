"""How many things an account asks about."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def breadth_of(vectors: npt.NDArray[np.float32]) -> float:
    """Return the effective number of topics among unit vectors (n, d), in [1, n]; 0 for none.

    The Vendi score: the exponential of the entropy of the eigenvalues of K/n, K the Gram matrix
    (Friedman & Dieng 2023, TMLR). 1 if all are the same, n if none has anything of another.
    """
    if not len(vectors):
        return 0.0
    # The eigenvalues of K/n are those of the d × d matrix XᵀX/n, but for zeros.
    smaller = vectors @ vectors.T if len(vectors) < vectors.shape[1] else vectors.T @ vectors
    values = np.linalg.eigvalsh(smaller.astype(np.float64) / len(vectors))
    values = values[values > 1e-9]
    values = values / values.sum()
    return float(np.exp(-(values * np.log(values)).sum()))
