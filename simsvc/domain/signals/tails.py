"""Tails of distributions as natural logarithms, finite however far out."""

from __future__ import annotations

import math

import scipy

LEAST = -1e6


def finite(log_p: float) -> float:
    """Return ln p within [LEAST, 0]; NaN, which stands for no data, is 0."""
    return 0.0 if math.isnan(log_p) else min(0.0, max(log_p, LEAST))


def log_poisson_at_least(k: int, mean: float) -> float:
    """Return ln P(X ≥ k) for X ~ Poisson(mean)."""
    if k <= 0:
        return 0.0
    log_p = float(scipy.stats.poisson.logsf(k - 1, mean))
    if math.isfinite(log_p):
        return finite(log_p)
    # Far out the first term is nearly all: P(X = k)/(1 − mean/(k + 1)).
    first = k * math.log(mean) - mean - math.lgamma(k + 1)
    return finite(first - math.log1p(-min(mean / (k + 1), 0.5)))


def log_poisson_at_most(k: int, mean: float) -> float:
    """Return ln P(X ≤ k) for X ~ Poisson(mean)."""
    log_p = float(scipy.stats.poisson.logcdf(k, mean))
    if math.isfinite(log_p) or k < 0 or mean <= 0:
        return finite(log_p)
    # Far out the last term is nearly all: P(X = k)/(1 − k/mean).
    last = k * math.log(mean) - mean - math.lgamma(k + 1)
    return finite(last - math.log1p(-min(k / mean, 0.5)))


def log_choose(n: int, k: int) -> float:
    """Return ln of the number of ways to choose k of n."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
