"""Measures that a part of the data cannot move."""

from __future__ import annotations

import numpy as np

from simsvc.domain.signals.twins import Floats


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the median of values (n,), n ≥ 1, each counted as often as its weight (n,) says."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(np.maximum(weights, 1e-9)[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
