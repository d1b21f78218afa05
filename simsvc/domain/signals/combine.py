"""Many tests made into one, and many looks paid for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_FLOOR = 1e-300
# A test that found nothing at all must not outweigh one that did: its p counts as this.
_CEILING = 0.99
_LEAST = -1e6


def combined_log_p(log_ps: Sequence[float]) -> float:
    """Combine p-values of dependent tests: the Cauchy combination, as a natural logarithm.

    T = Σ w_i tan((½ − p_i) π) with equal weights; p = ½ − arctan(T)/π. Its tail is right whatever
    the dependence (Liu and Xie 2020, JASA 115, 393–402). For small p, tan((½ − p) π) ≈ 1/(p π),
    so that below what a double holds the result is the mean of 1/p: n times the least p at most.
    """
    if not log_ps:
        return 0.0
    least = max(min(log_ps), _LEAST)
    if least < math.log(_FLOOR):
        return min(0.0, least + math.log(len(log_ps)))
    p = np.exp(np.minimum(np.asarray(log_ps), 0.0)).clip(_FLOOR, _CEILING)
    # cot(p π), which has digits left for small p where tan((½ − p) π) has none.
    statistic = float(np.mean(1.0 / np.tan(p * np.pi)))
    if statistic > 0:
        return math.log(math.atan(1.0 / statistic) / math.pi)
    return math.log(0.5 - math.atan(statistic) / math.pi)


class OnlineFdr:
    """LOND: the n-th test is held to α γ_n (R + 1), R being the discoveries so far.

    Javanmard and Montanari 2018, Annals of Statistics 46, 526–554. With γ_n = 6/(π n)², which sums
    to one, the share of false ones among all discoveries stays under α however long it goes on,
    for positively dependent tests (Zrnic et al. 2021, JMLR 22).
    """

    def __init__(self, alpha: float, tests: int = 0, discoveries: int = 0) -> None:
        self.alpha = alpha
        self.tests = tests
        self.discoveries = discoveries

    def discover(self, log_p: float) -> bool:
        """Test one new hypothesis; return whether it is a discovery."""
        self.tests += 1
        gamma = 6.0 / (math.pi * self.tests) ** 2
        found = log_p <= math.log(self.alpha * gamma * (self.discoveries + 1))
        self.discoveries += found
        return found
