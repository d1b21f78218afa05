"""The test of a family's popularity, held against scipy and a case by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from simsvc.domain.popularity import FamilyCount, log_beta_binomial_tail, popularity_excess


def test_by_hand() -> None:
    # X ~ BetaBinomial(2, 1, 1) is uniform on {0, 1, 2}.
    assert log_beta_binomial_tail(1, 2, 1, 1) == pytest.approx(math.log(2 / 3))
    assert log_beta_binomial_tail(2, 2, 1, 1) == pytest.approx(math.log(1 / 3))
    assert log_beta_binomial_tail(0, 2, 1, 1) == 0.0
    assert log_beta_binomial_tail(3, 2, 1, 1) == -math.inf


@given(st.integers(1, 60), st.integers(1, 200), st.floats(0.5, 20), st.floats(0.5, 500))
def test_against_scipy(k: int, n: int, alpha: float, beta: float) -> None:
    expected = betabinom.sf(k - 1, n, alpha, beta)
    if k <= n and expected > 1e-9:
        found = log_beta_binomial_tail(k, n, alpha, beta)
        assert found == pytest.approx(math.log(expected), abs=1e-4)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 3000), st.floats(1, 50))
def test_more_accounts_are_never_more_likely(
    actors: int, active: int, past: int, mean: float
) -> None:
    counts = [FamilyCount(a, active, past, 4000, mean) for a in (actors, actors + 1)]
    first, second = (popularity_excess(c) for c in counts)
    assert second.log_p <= first.log_p <= 0
    assert first.expected == second.expected > 0


def test_expected_number_by_hand() -> None:
    # One pseudo-account in 100/2 = 50: 100 · 1/50 = 2 accounts expected.
    assert popularity_excess(FamilyCount(40, 100, 0, 0, 2.0)).expected == pytest.approx(2.0)


def test_a_prompt_that_was_always_popular_is_no_news() -> None:
    viral = popularity_excess(FamilyCount(400, 1000, 400, 1000, 1.2))
    grown = popularity_excess(FamilyCount(480, 1000, 400, 1000, 1.2))
    new = popularity_excess(FamilyCount(400, 1000, 0, 1000, 1.2))
    assert viral.expected == pytest.approx(400, rel=0.05)
    assert viral.log_p > math.log(0.1)
    assert grown.log_p > math.log(0.01)
    assert new.log_p < math.log(1e-30)
