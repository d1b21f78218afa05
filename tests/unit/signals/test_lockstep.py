from __future__ import annotations

import math

import pytest

from simsvc.domain.signals.lockstep import family_weight, lockstep_edges, lockstep_of


def test_a_family_weighs_less_the_more_use_it() -> None:
    # 1/ln 3 and 1/ln 10; one account counts as two.
    assert family_weight(2) == pytest.approx(0.910239)
    assert family_weight(9) == pytest.approx(0.4342945)
    assert family_weight(1) == family_weight(2)


def test_edges_by_hand() -> None:
    # 1 and 2 share families 10 (2 accounts) and 11 (3): 1/ln 3 + 1/ln 4 = 0.9102 + 0.7213.
    # 1 and 3, and 2 and 3, share family 11 alone. Family 12 has one account.
    families = {10: {2, 1}, 11: {1, 2, 3}, 12: {3}}
    [(a, b, weight)] = lockstep_edges(families, 2)
    assert (a, b) == (1, 2)
    assert weight == pytest.approx(1.631587)
    assert [(a, b) for a, b, _ in lockstep_edges(families, 1)] == [(1, 2), (1, 3), (2, 3)]
    assert lockstep_edges(families, 3) == []


def test_a_family_of_over_64_accounts_makes_no_edges() -> None:
    assert len(lockstep_edges({1: set(range(64))}, 1)) == 64 * 63 // 2
    assert lockstep_edges({1: set(range(65))}, 1) == []


def test_cover_does_not_dilute_what_two_share() -> None:
    shared = {1: {7, 8}, 2: {7, 8}}
    cover = {f: {7} for f in range(100, 200)} | {f: {8} for f in range(200, 300)}
    assert lockstep_edges(shared | cover, 2) == lockstep_edges(shared, 2)


def test_lockstep_of_a_group_by_hand() -> None:
    # Three accounts of 10, 20 and 30 prompts, chance 0.001: pairs share 0.2, 0.3 and 0.6 items on
    # average, two or more with about λ²/2: 0.02 + 0.045 + 0.18 = 0.245.
    families = {1: {7, 8}, 2: {7, 8}, 3: {8, 9}}
    seen = lockstep_of(families, [10, 20, 30], 0.001)
    assert seen.pairs == 1
    assert seen.expected == pytest.approx(0.245)
    # P(X ≥ 1) = 1 − e^−0.245 = 0.21730.
    assert seen.log_p == pytest.approx(math.log(0.217296), rel=1e-4)


def test_nothing_shared_is_no_evidence() -> None:
    assert lockstep_of({}, [10, 20], 0.001).log_p == 0.0


def test_many_pairs_are_far_from_chance() -> None:
    families = {item: {2 * (item % 5), 2 * (item % 5) + 1} for item in range(40)}
    seen = lockstep_of(families, [8] * 10, 1e-4)
    assert seen.pairs == 5
    assert seen.log_p < -30
