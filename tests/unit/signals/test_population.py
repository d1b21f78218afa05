"""The arrays that group signals are computed on."""

from __future__ import annotations

import numpy as np

from simsvc.domain.signals.population import Population


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
    assert rest.vectors.tolist() == [[0, 1], [1, 0]]
    assert len(rest.actors) == len(population.actors)
