from __future__ import annotations

import math

import pytest

from simsvc.domain.signals.lockstep import family_weight, lockstep_edges, log_p_lockstep


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


def test_chance_of_shared_families_by_hand() -> None:
    # Three families with 10, 10 and 20 of 100 accounts: λ = 0.01 + 0.01 + 0.04 = 0.06.
    # P(X ≥ 2) = 1 − e^−0.06 · 1.06 = 0.00172963.
    assert log_p_lockstep(2, [10, 10, 20], 100) == pytest.approx(math.log(0.00172963), rel=1e-5)


def test_rare_families_say_more_than_common_ones() -> None:
    rare, common = log_p_lockstep(3, [3] * 5, 1000), log_p_lockstep(3, [600] * 5, 1000)
    assert rare < math.log(1e-10)
    assert common > math.log(0.2)


def test_nothing_shared_is_no_evidence() -> None:
    assert log_p_lockstep(0, [3, 4], 1000) == 0.0


def test_sharing_what_nobody_is_known_to_use_is_finite() -> None:
    log_p = log_p_lockstep(2, [], 0)
    assert math.isfinite(log_p)
    assert log_p < -700
