from __future__ import annotations

import math

import numpy as np
import pytest

from simsvc.domain.signals.twins import (
    Sums,
    TwinRule,
    cohesion_of,
    self_similarity,
    sums_of,
    twin_edges,
    within_noise,
)
from tests.unit.signals.worlds import direction, prompts, stacked

ANY = TwinRule(rho=0.0, noise=0.0, neighbours=100)


def _vectors(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def _world(seed: int, shares: int, organic: int, each: int) -> Sums:
    """Return sums of accounts with shares of one source first, then of some with own habits."""
    rng = np.random.default_rng(seed)
    source = direction(rng, 0.6)
    parts = [prompts(rng, source, each) for _ in range(shares)]
    parts += [prompts(rng, direction(rng, 0.6), each) for _ in range(organic)]
    vectors, owners = stacked(parts)
    return sums_of(vectors, owners, shares + organic)


def test_sums_add_vectors_and_squares_by_owner() -> None:
    # Owner 0: (3, 4) + (1, 0) = (4, 4), 25 + 1 = 26. Owner 2: (0, 2), 4. Owner 1: none.
    vectors = _vectors((3, 4), (0, 2), (1, 0))
    sums = sums_of(vectors, np.array([0, 2, 0]), 3)
    assert sums.n.tolist() == [2, 0, 1]
    assert sums.s.tolist() == [[4, 4], [0, 0], [0, 2]]
    assert sums.q.tolist() == [26, 0, 4]


def test_self_similarity_leaves_out_a_prompt_with_itself() -> None:
    # Owner 0: (1,0), (0,1), (1,0): pairs 0, 1, 0, mean 1/3. By sums: (5 − 3)/(3·2) = 1/3.
    # Owner 1: (1,0), (−1,0): (0 − 2)/2 = −1. Owner 2: one prompt, 0.
    vectors = _vectors((1, 0), (0, 1), (1, 0), (1, 0), (-1, 0), (1, 0))
    sums = sums_of(vectors, np.array([0, 0, 0, 1, 1, 2]), 3)
    assert self_similarity(sums).tolist() == pytest.approx([1 / 3, -1, 0])


def test_within_noise_is_the_root_of_the_trace_of_the_squared_covariance() -> None:
    # Owner 0: ±(1, 0): weight 1, inflated by 2/1: Σ rows 2·(1,0)(1,0)ᵀ·2 = 4 at (0, 0).
    # Owner 1: ±(0, 2): 2·4·2 = 16 at (1, 1). Over 4 prompts: diag(1·1, 4); tr(Σ²) = 1 + 16.
    vectors = _vectors((1, 0), (-1, 0), (0, 2), (0, -2))
    owners = np.array([0, 0, 1, 1])
    noise = within_noise(vectors, owners, sums_of(vectors, owners, 2))
    assert noise == pytest.approx(math.sqrt(17))


def test_within_noise_ignores_where_accounts_lie_and_lone_prompts() -> None:
    vectors = _vectors((1, 0), (-1, 0), (0, 2), (0, -2))
    owners = np.array([0, 0, 1, 1])
    moved = np.concatenate([vectors + np.array([[5, 5]] * 2 + [[-7, 1]] * 2), [[9, 9]]])
    moved, more = moved.astype(np.float32), np.array([0, 0, 1, 1, 2])
    plain = within_noise(vectors, owners, sums_of(vectors, owners, 2))
    assert within_noise(moved, more, sums_of(moved, more, 3)) == pytest.approx(plain)


def test_within_noise_of_lone_prompts_alone_is_nothing() -> None:
    vectors, owners = _vectors((1, 0), (0, 1)), np.array([0, 1])
    assert within_noise(vectors, owners, sums_of(vectors, owners, 2)) == 0.0


def test_rho_is_cross_similarity_over_the_mean_of_the_self_similarities() -> None:
    # A: s = (2, 0), q = 2.5, n = 2: S = (4 − 2.5)/2 = 0.75. B: s = (2, 2), q = 5: (8 − 5)/2 = 1.5.
    # S_AB = (2·2)/(2·2) = 1. ρ = 1/√(0.75·1.5) = 0.9428.
    sums = Sums(np.array([2.0, 2.0]), np.array([[2.0, 0.0], [2.0, 2.0]]), np.array([2.5, 5.0]))
    [(i, j, rho)] = twin_edges(sums, 1e-9, ANY)
    assert (i, j) == (0, 1)
    assert rho == pytest.approx(1 / math.sqrt(1.125))


def test_an_edge_takes_cross_similarity_far_above_the_noise() -> None:
    # As above: S_AB √(n_A n_B) = 1·2 = 2, which is over 3 τ for τ = 0.6 and not for τ = 0.7.
    sums = Sums(np.array([2.0, 2.0]), np.array([[2.0, 0.0], [2.0, 2.0]]), np.array([2.5, 5.0]))
    rule = TwinRule(rho=0.5, noise=3.0)
    assert len(twin_edges(sums, 0.6, rule)) == 1
    assert twin_edges(sums, 0.7, rule) == []


def test_an_edge_takes_both_to_be_among_the_others_nearest() -> None:
    # S_ii = (‖s‖² − q)/2 = 4. S_01 = (3.2 − 0.16)/4, S_02 = (3.2 − 0.8)/4, S_12 = (4 + 0.8)/4:
    # ρ = 0.19, 0.15 and 0.30. 0 is nearest to 1, which is nearest to 2.
    s = np.array([[1.6, -0.4], [2.0, 0.4], [2.0, 2.0]])
    sums = Sums(np.full(3, 2.0), s, np.einsum("ij,ij->i", s, s) - 8.0)
    [(i, j, rho)] = twin_edges(sums, 1e-9, TwinRule(rho=0.0, noise=0.0, neighbours=1))
    assert (i, j) == (1, 2)
    assert rho == pytest.approx(0.3)
    assert len(twin_edges(sums, 1e-9, ANY)) == 3


def test_random_shares_of_one_source_have_rho_near_one_and_habits_near_none() -> None:
    rhos = {
        (i, j): rho for i, j, rho in twin_edges(_world(1, 6, 24, 40), 0.0, ANY)
    }  # fmt: skip
    shares = [rho for (i, j), rho in rhos.items() if j < 6]
    # Pairs that are missing have ρ below 0.
    mixed = [rhos.get((i, j), 0.0) for j in range(6, 30) for i in range(j)]
    assert len(shares) == 15
    assert min(shares) > 0.85
    assert float(np.mean(mixed)) < 0.1
    assert float(np.median(mixed)) < 0.1


def test_only_shares_of_one_source_are_twins_by_the_usual_rule() -> None:
    sums = _world(2, 6, 24, 40)
    edges = twin_edges(sums, 0.1, TwinRule())
    assert {(i, j) for i, j, _ in edges} == {(i, j) for j in range(6) for i in range(j)}
    assert all(0.5 < rho <= 1 for _, _, rho in edges)


def test_neighbours_are_bounded_and_rows_past_a_block_are_looked_at() -> None:
    # 600 accounts, more than the 512 rows of a block; only 599 and 3 share a direction.
    s = np.eye(600)
    s[599] = s[3]
    sums = Sums(np.full(600, 2.0), 2 * s, np.full(600, 2.0))
    assert [(i, j) for i, j, _ in twin_edges(sums, 1e-9, ANY)] == [(3, 599)]


def test_cohesion_weighs_every_pair_of_prompts_alike() -> None:
    # A: (1,0), (1,0); B: (1,0), (0,1). Within: A 1, B 0, mean 1/2. Across: 1, 0, 1, 0, mean 1/2.
    vectors = _vectors((1, 0), (1, 0), (1, 0), (0, 1))
    cohesion = cohesion_of(sums_of(vectors, np.array([0, 0, 1, 1]), 2))
    assert cohesion.cross == pytest.approx(0.5)
    assert cohesion.within == pytest.approx(0.5)
    assert cohesion.exchangeability == pytest.approx(1.0)


def test_exchangeability_is_over_one_where_accounts_ask_the_same_items() -> None:
    # Each account asks e1 and e2: within 0·0 = 0 for each pair, across (1 + 0 + 0 + 1)/4 = 1/2.
    vectors = _vectors((1, 0), (0, 1), (1, 0), (0, 1))
    cohesion = cohesion_of(sums_of(vectors, np.array([0, 0, 1, 1]), 2))
    assert (cohesion.cross, cohesion.within) == pytest.approx((0.5, 0.0))
    assert cohesion.exchangeability == 1.0
    # A third prompt of each, e1 again: within 1/3, across (4 + 1)/9: ratio 5/3.
    vectors = _vectors((1, 0), (0, 1), (1, 0), (1, 0), (0, 1), (1, 0))
    cohesion = cohesion_of(sums_of(vectors, np.array([0, 0, 0, 1, 1, 1]), 2))
    assert cohesion.exchangeability == pytest.approx(5 / 3)


def test_exchangeability_is_one_for_random_shares_and_little_for_habits() -> None:
    assert cohesion_of(_world(3, 12, 0, 20)).exchangeability == pytest.approx(1.0, abs=0.1)
    assert abs(cohesion_of(_world(3, 0, 24, 20)).exchangeability) < 0.1


def test_lone_prompts_that_are_unlike_have_no_exchangeability() -> None:
    cohesion = cohesion_of(sums_of(_vectors((1, 0), (0, 1)), np.array([0, 1]), 2))
    assert cohesion.exchangeability == 0.0
