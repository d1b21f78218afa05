"""Vectors that a benchmark makes from fewer real ones."""

from __future__ import annotations

import numpy as np

from benchmarks.vectors import Grown


def test_grown_vectors_are_the_same_in_whatever_order_they_are_asked_for() -> None:
    real = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    real /= np.linalg.norm(real, axis=1, keepdims=True)
    grown = Grown(real, 400)
    whole = grown.at(np.arange(400))
    assert whole[:50].tobytes() == real.tobytes()
    assert np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-6)
    # Where chance takes one twice, the mixture is that one.
    assert len(np.unique(whole, axis=0)) > 380
    order = np.random.default_rng(1).permutation(400)
    parts = [grown.at(order[start : start + 96]) for start in range(0, 400, 96)]
    assert np.allclose(np.concatenate(parts), whole[order], atol=1e-7)
    # Fewer than there are real ones: those, and no mixtures.
    assert Grown(real, 20).at(np.arange(20)).tobytes() == real[:20].tobytes()
