from __future__ import annotations

import math
from itertools import pairwise

import pytest

from simsvc.domain.signals.tails import LEAST, finite, log_poisson_at_least, log_poisson_at_most


def _exact(terms: range, mean: float) -> float:
    """Add up ln P(X = k) without leaving logarithms."""
    logs = [k * math.log(mean) - mean - math.lgamma(k + 1) for k in terms]
    most = max(logs)
    return most + math.log(math.fsum(math.exp(x - most) for x in logs))


def test_the_upper_tail_by_hand() -> None:
    # Mean 1: P(X ≥ 1) = 1 − 1/e, P(X ≥ 2) = 1 − 2/e.
    assert log_poisson_at_least(1, 1.0) == pytest.approx(math.log(1 - 1 / math.e))
    assert log_poisson_at_least(2, 1.0) == pytest.approx(math.log(1 - 2 / math.e))


def test_the_lower_tail_by_hand() -> None:
    # Mean 2: P(X ≤ 0) = e⁻², P(X ≤ 1) = 3 e⁻².
    assert log_poisson_at_most(0, 2.0) == pytest.approx(-2.0)
    assert log_poisson_at_most(1, 2.0) == pytest.approx(math.log(3) - 2.0)


@pytest.mark.parametrize("k", [0, -3])
def test_none_or_more_is_certain(k: int) -> None:
    assert log_poisson_at_least(k, 5.0) == 0.0


@pytest.mark.parametrize(
    ("k", "mean"), [(5, 0.1), (50, 3.0), (200, 1.0), (500, 1.0), (1000, 0.001), (3000, 400.0)]
)
def test_the_upper_tail_is_right_however_far_out(k: int, mean: float) -> None:
    exact = _exact(range(k, k + 2000), mean)
    assert log_poisson_at_least(k, mean) == pytest.approx(exact, rel=1e-4)


def test_the_upper_tail_is_nearly_right_where_many_terms_count() -> None:
    # 50 deviations up: the ratio of one term to the next is 0.95, not near 0.
    exact = _exact(range(1_050_000, 1_052_000), 1e6)
    assert log_poisson_at_least(1_050_000, 1e6) == pytest.approx(exact, rel=3e-3)


def test_the_upper_tail_falls_across_the_end_of_what_a_double_holds() -> None:
    # ln of the least double is −745: P(X ≥ k) for mean 1 passes it near k = 177.
    tails = [log_poisson_at_least(k, 1.0) for k in range(150, 200)]
    assert tails[0] > -745 > tails[-1]
    steps = [b - a for a, b in pairwise(tails)]
    # P(X ≥ k + 1)/P(X ≥ k) ≈ 1/(k + 1).
    assert steps == pytest.approx([-math.log(k + 1) for k in range(150, 199)], rel=0.02)


@pytest.mark.parametrize(("k", "mean"), [(0, 800.0), (3, 2000.0), (100, 2000.0)])
def test_the_lower_tail_is_right_however_far_out(k: int, mean: float) -> None:
    assert log_poisson_at_most(k, mean) == pytest.approx(_exact(range(k + 1), mean), rel=1e-3)


def test_the_lower_tail_is_right_as_far_as_a_double_holds() -> None:
    assert log_poisson_at_most(3, 600.0) == pytest.approx(_exact(range(4), 600.0), rel=1e-6)


def test_a_finite_logarithm_lies_between_the_least_and_none() -> None:
    assert finite(-math.inf) == LEAST
    assert finite(-3.5) == -3.5
    assert finite(0.25) == 0.0


def test_no_data_is_no_evidence() -> None:
    assert finite(math.nan) == 0.0
