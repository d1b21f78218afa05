"""Is a family of near-duplicates more popular than families ordinarily are?

Model: each family has a popularity θ, the chance that an active account sends it within a window.
Over the families of ordinary traffic θ follows a Beta(1, s − 1) law whose mean 1/s is the mean
share of accounts in a family: one pseudo-account in s. The family's own past, b of B accounts,
makes that Beta(1 + w b, s − 1 + w (B − b)). The number of accounts in a window with A active ones
is then beta-binomial, and the p-value is its upper tail (Gelman et al., Bayesian Data Analysis,
3rd ed., section 2.4; the law's long tail stands for prompts that are simply popular).

Two things keep a popular prompt from being news. The prior is worth no more than one account of the
family's own past: s ≤ B/b. And since popularity drifts, the past counts for ten accounts at the
most, w = min(1, 10/b), a power prior (Ibrahim and Chen 2000, Statistical Science 15, 46–60).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, gammaln, logsumexp

_PAST_ACCOUNTS = 10
_FIRST_TERMS = 256
# Relative to the sum, as a logarithm: beyond a double's digits.
_NEGLIGIBLE = -37.0


@dataclass(frozen=True, slots=True)
class FamilyCount:
    """Accounts (organisations collapsed) of one family and of all traffic.

    `actors` of `active` in the window, `past_actors` of `past_active` before it. `mean_actors` is
    the mean number of accounts in a family, over the families of the window.
    """

    actors: int
    active: int
    past_actors: int
    past_active: int
    mean_actors: float


@dataclass(frozen=True, slots=True)
class Excess:
    """`log_p`: natural logarithm of the chance of `actors` or more, `expected` of them."""

    expected: float
    log_p: float


def is_usual(count: FamilyCount) -> bool:
    """Return whether no more accounts sent a family than popularity lets expect.

    The chance of at least as many is then over 1/e, as that of reaching its mean is under any
    log-concave law (Lovász & Vempala 2007, Random Structures & Algorithms 30, 307–358, lemma 5.4).
    """
    alpha, beta = _law(count)
    return count.actors <= count.active * alpha / (alpha + beta)


def popularity_excess(count: FamilyCount) -> Excess:
    """Test one family against the null that it is just popular. See the module's text."""
    alpha, beta = _law(count)
    expected = count.active * alpha / (alpha + beta)
    return Excess(expected, log_beta_binomial_tail(count.actors, count.active, alpha, beta))


def _law(count: FamilyCount) -> tuple[float, float]:
    """Return alpha and beta of the beta-binomial law of the family's accounts."""
    pseudo = count.active / max(count.mean_actors, 1.0)
    weight = 1.0
    if count.past_actors:
        pseudo = min(pseudo, count.past_active / count.past_actors)
        weight = min(1.0, _PAST_ACCOUNTS / count.past_actors)
    alpha = 1.0 + weight * count.past_actors
    others = max(0, count.past_active - count.past_actors)
    return alpha, max(2.0, pseudo) - 1.0 + weight * others


def log_beta_binomial_tail(k: int, n: int, alpha: float, beta: float) -> float:
    """Return ln P(X ≥ k) for X ~ BetaBinomial(n, alpha, beta).

    Summed from k upwards in logarithms, since 1 − cdf has no digits left where it matters. With
    alpha and beta of 1 or more the law is log-concave: what is left behind the last term is below
    that of a geometric series, and is left out where it no longer matters.
    """
    if k <= 0:
        return 0.0
    total, start, size = -math.inf, k, _FIRST_TERMS
    while start <= n:
        x = np.arange(start, min(n + 1, start + size), dtype=np.float64)
        log_choose = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
        log_pmf = log_choose + betaln(x + alpha, n - x + beta) - betaln(alpha, beta)
        total = float(np.logaddexp(total, logsumexp(log_pmf)))
        last = float(x[-1])
        ratio = (n - last) * (last + alpha) / ((last + 1) * max(n - last - 1 + beta, 1e-9))
        concave = min(alpha, beta) >= 1 and 0 < ratio < 1
        if concave and log_pmf[-1] + math.log(ratio / (1 - ratio)) < total + _NEGLIGIBLE:
            break
        start, size = start + size, 2 * size
    return min(0.0, total)
