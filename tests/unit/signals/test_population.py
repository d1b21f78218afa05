"""The arrays that group signals are computed on."""

from __future__ import annotations

import numpy as np

from simsvc.domain.signals.population import Population, sampled_from


def _population(vectors: list[list[float]], owners: list[int]) -> Population:
    count, accounts = len(owners), max(owners) + 1
    none, flags = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    per_account = np.zeros(accounts)
    return Population(
        actors=np.arange(accounts),
        vectors=np.array(vectors, np.float32),
        owners=np.array(owners),
        times=np.arange(count, dtype=np.float64),
        isolated=flags,
        frames=none,
        families=np.array([0, 1, 0, 1][:count]),
        seqs=np.arange(1, count + 1),
        moved=flags,
        volumes=per_account,
        onsets=per_account,
        isolation=per_account,
        moves=per_account,
        continued=per_account,
        stands_for=np.arange(1.0, count + 1),
    )


def test_every_account_weighs_alike_in_the_mean() -> None:
    # Account 0 sent (1, 0) three times, account 1 (0, 1) once: the mean is (½, ½), not (¾, ¼).
    population = _population([[1, 0], [1, 0], [1, 0], [0, 1]], [0, 0, 0, 1])
    expected = [[0.5, -0.5]] * 3 + [[-0.5, 0.5]]
    np.testing.assert_allclose(population.centred(), expected, atol=1e-6)


def test_a_prompt_asks_for_its_family_or_for_itself() -> None:
    population = _population([[1, 0]] * 4, [0, 0, 1, 1])
    assert population.items.tolist() == [1, 1, 3, 1]


def test_without_some_prompts_all_columns_agree() -> None:
    population = _population([[1, 0], [0, 1], [1, 0], [0, 1]], [0, 0, 1, 1])
    rest = population.without(np.array([True, False, False, True]))
    assert rest.seqs.tolist() == [2, 3]
    assert rest.owners.tolist() == [0, 1]
    assert rest.stands_for.tolist() == [2, 3]
    assert rest.vectors.tolist() == [[0, 1], [1, 0]]
    assert len(rest.actors) == len(population.actors)


def test_a_kept_prompt_stands_for_its_kind() -> None:
    # Account 0 sent 100, a tenth isolated: 2 of 10 isolated ones are kept and 3 of 90 in bursts.
    # Account 1 sent two isolated ones, both kept.
    isolated = np.array([True, True, False, False, False, True, True])
    owners = np.array([0, 0, 0, 0, 0, 1, 1])
    weights = sampled_from(isolated, owners, np.array([100.0, 2]), np.array([0.1, 1]))
    assert weights.tolist() == [5, 5, 30, 30, 30, 1, 1]


def test_prompts_sent_are_estimated_by_what_each_kept_one_stands_for() -> None:
    population = _population([[1, 0]] * 4, [0, 0, 1, 1])  # Stand for 1, 2, 3, 4.
    assert population.sent(np.array([True, False, True, True])).tolist() == [1, 7]
    assert population.asked(np.array([False, True, True, False])) == [(0, 1), (1, 3)]
