from __future__ import annotations

import math

import pytest

from simsvc.domain.signals.collisions import collisions, cross_pairs


def test_pairs_of_two_accounts_by_hand() -> None:
    # Accounts 1 (3 prompts), 2 (2), 3 (1): pairs across 3·2 + 3·1 + 2·1 = 11.
    # Item 7: account 1 twice, 2 once, 3 once: 2·1 + 2·1 + 1·1 = 5. Item 8: account 2 alone: 0.
    items = [(1, 7), (1, 7), (1, 0), (2, 7), (2, 8), (3, 7)]
    assert cross_pairs(items) == (5, 11)


def test_item_zero_is_no_item() -> None:
    assert cross_pairs([(1, 0), (2, 0), (3, 0)]) == (0, 3)


def test_an_account_that_repeats_itself_collides_with_nobody() -> None:
    assert cross_pairs([(1, 5)] * 10) == (0, 0)


def test_nothing_has_no_pairs() -> None:
    assert cross_pairs([]) == (0, 0)


def test_both_tails_by_hand() -> None:
    # 1000 pairs at 2e-3: λ = 2. P(X ≥ 1) = 1 − e⁻², P(X ≤ 1) = 3 e⁻².
    found = collisions(1, 1000, 2e-3)
    assert (found.observed, found.expected) == (1, 2.0)
    assert found.log_p_more == pytest.approx(math.log(1 - math.exp(-2)))
    assert found.log_p_fewer == pytest.approx(math.log(3) - 2)


def test_a_replayed_set_has_an_excess_and_a_shared_out_one_a_deficit() -> None:
    # λ = 20: replay sees 200; a partition sees 0, with ln p = −20.
    replay, partition = collisions(200, 100_000, 2e-4), collisions(0, 100_000, 2e-4)
    assert replay.log_p_more < -250
    assert replay.log_p_fewer == pytest.approx(0.0, abs=1e-9)
    assert partition.log_p_fewer == pytest.approx(-20.0)
    assert partition.log_p_more == 0.0


def test_as_many_as_expected_is_neither() -> None:
    found = collisions(20, 100_000, 2e-4)
    assert min(found.log_p_more, found.log_p_fewer) > math.log(0.3)


def test_no_pairs_tell_nothing() -> None:
    found = collisions(0, 0, 2e-4)
    assert found.log_p_more == 0.0
    assert found.log_p_fewer == pytest.approx(0.0, abs=1e-9)
