from __future__ import annotations

import math

import pytest

from simsvc.domain.signals.references import reference_hits


def test_overlap_by_hand() -> None:
    # Items {1,2,3}, {3,4}, {3,5} of 10. Item 3 in three accounts: 3 pairs. By chance
    # (3·2 + 3·2 + 2·2)/10 = 1.6. P(X ≤ 3) = e^−1.6 (1 + 1.6 + 1.28 + 0.682667) = 0.921187.
    hits = reference_hits({1: {1, 2, 3}, 2: {3, 4}, 3: {3, 5}}, hits=9, size=10)
    assert (hits.hits, hits.distinct, hits.overlap) == (9, 5, 3)
    assert hits.expected_overlap == pytest.approx(1.6)
    assert hits.log_p_disjoint == pytest.approx(math.log(0.921187), abs=1e-5)
    assert hits.largest_share == pytest.approx(0.3)
    assert hits.covered == pytest.approx(0.5)


def test_a_set_that_is_shared_out_is_covered_without_overlap() -> None:
    # Ten accounts with 10 items each of 100, none twice: 45 pairs · 100/100 = 45 by chance.
    items = {a: set(range(10 * a, 10 * a + 10)) for a in range(10)}
    hits = reference_hits(items, hits=100, size=100)
    assert hits.covered == 1.0
    assert hits.largest_share == pytest.approx(0.1)
    assert hits.expected_overlap == pytest.approx(45.0)
    assert hits.log_p_disjoint == pytest.approx(-45.0)


def test_accounts_that_replay_a_set_are_not_disjoint() -> None:
    # Five with the same 10 of 100: 10 pairs · 10 = 100 shared, 10 by chance.
    hits = reference_hits({a: set(range(10)) for a in range(5)}, hits=50, size=100)
    assert (hits.overlap, hits.expected_overlap) == (100, pytest.approx(10.0))
    assert hits.log_p_disjoint == pytest.approx(0.0, abs=1e-9)


def test_one_account_has_nobody_to_overlap_with() -> None:
    hits = reference_hits({4: {1, 2}}, hits=2, size=10)
    assert (hits.overlap, hits.expected_overlap) == (0, 0.0)
    assert hits.log_p_disjoint == pytest.approx(0.0)


@pytest.mark.parametrize("size", [0, 10])
def test_no_hits_say_nothing(size: int) -> None:
    hits = reference_hits({}, hits=0, size=size)
    assert (hits.distinct, hits.covered, hits.largest_share) == (0, 0.0, 0.0)
    assert hits.log_p_disjoint == pytest.approx(0.0)
