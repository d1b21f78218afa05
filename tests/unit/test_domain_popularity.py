"""The test of a family's popularity, held against scipy and a case by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from simsvc.domain.popularity import (
    FamilyCount,
    is_usual,
    log_beta_binomial_tail,
    popularity_excess,
)

FIXED = settings(derandomize=True, deadline=None)


def test_by_hand() -> None:
    # X ~ BetaBinomial(2, 1, 1) is uniform on {0, 1, 2}.
    assert log_beta_binomial_tail(1, 2, 1, 1) == pytest.approx(math.log(2 / 3))
    assert log_beta_binomial_tail(2, 2, 1, 1) == pytest.approx(math.log(1 / 3))
    assert log_beta_binomial_tail(0, 2, 1, 1) == 0.0
    assert log_beta_binomial_tail(3, 2, 1, 1) == -math.inf


@FIXED
@given(st.integers(1, 60), st.integers(1, 200), st.floats(0.5, 20), st.floats(0.5, 500))
def test_against_scipy(k: int, n: int, alpha: float, beta: float) -> None:
    expected = betabinom.sf(k - 1, n, alpha, beta)
    if k <= n and expected > 1e-9:
        found = log_beta_binomial_tail(k, n, alpha, beta)
        assert found == pytest.approx(math.log(expected), abs=1e-4)


@FIXED
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


def test_the_expected_number_with_a_past_by_hand() -> None:
    # 5 of 50 before: s = min(100/1, 50/5) = 10, a = 1 + 5, b = 9 + 45; 100 · 6/60 = 10.
    few = popularity_excess(FamilyCount(40, 100, 5, 50, 1.0))
    assert few.expected == pytest.approx(10.0)
    assert few.log_p == pytest.approx(math.log(betabinom.sf(39, 100, 6, 54)), abs=1e-6)
    # 20 of 100 before count for ten: w = 1/2, s = 5, a = 11, b = 4 + 40; 100 · 11/55 = 20.
    many = popularity_excess(FamilyCount(40, 100, 20, 100, 1.0))
    assert many.expected == pytest.approx(20.0)
    assert many.log_p == pytest.approx(math.log(betabinom.sf(39, 100, 11, 44)), abs=1e-6)


def test_far_tails_keep_their_digits() -> None:
    # P(X = n) for a = 1: n! Γ(b + 1) / Γ(n + b + 1).
    n, beta = 400, 5000.0
    expected = math.lgamma(n + 1) + math.lgamma(beta + 1) - math.lgamma(n + beta + 1)
    assert log_beta_binomial_tail(n, n, 1.0, beta) == pytest.approx(expected, rel=1e-9)


@FIXED
@given(st.integers(1, 400), st.floats(0.5, 50), st.floats(0.5, 5000))
def test_the_tail_falls_with_k(n: int, alpha: float, beta: float) -> None:
    tails = [log_beta_binomial_tail(k, n, alpha, beta) for k in range(n + 2)]
    assert tails[0] == 0.0
    assert tails[-1] == -math.inf
    assert all(after <= before + 1e-9 for before, after in pairwise(tails))


COUNTS = st.integers(0, 10_000)


@FIXED
@given(COUNTS, COUNTS, COUNTS, COUNTS, st.floats(0, 1e6))
def test_what_is_usual_is_likely(a: int, n: int, past: int, before: int, mean: float) -> None:
    count = FamilyCount(a, n, past, before, mean)
    excess = popularity_excess(count)
    assert is_usual(count) == (a <= excess.expected)
    if is_usual(count):
        # 1/e, as for a density.
        assert excess.log_p >= -1.0


@FIXED
@given(COUNTS, COUNTS, COUNTS, COUNTS, st.floats(0, 1e6))
def test_no_count_gives_nan(a: int, n: int, past: int, before: int, mean: float) -> None:
    excess = popularity_excess(FamilyCount(a, n, past, before, mean))
    assert not math.isnan(excess.log_p)
    assert excess.log_p <= 0
    assert 0 <= excess.expected <= n


TRUNCATED = "log_beta_binomial_tail sums 20,000 terms only, which leaves the tail's bulk out"


def test_a_large_tail_is_whole() -> None:
    # Uniform on 0 … 10^6: all but one of the numbers are 1 or more.
    assert log_beta_binomial_tail(1, 10**6, 1, 1) == pytest.approx(-1e-6, abs=1e-6)


def test_a_popular_family_on_a_slow_day_is_no_news() -> None:
    # 400,000 of a million accounts sent it before, and 100 do now.
    slow = popularity_excess(FamilyCount(100, 10**6, 400_000, 10**6, 1.2))
    assert slow.log_p > math.log(0.5)
