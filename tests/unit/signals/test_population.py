from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from simsvc.domain.signals.population import Population
from simsvc.domain.signals.twins import TwinRule, sums_of, twin_edges, within_noise
from tests.unit.signals.worlds import direction, prompts, stacked


def _population(
    vectors: npt.ArrayLike, owners: npt.ArrayLike, languages: npt.ArrayLike
) -> Population:
    vectors, owners = np.asarray(vectors, np.float32), np.asarray(owners, np.int64)
    count = int(owners.max()) + 1
    none, zero = np.zeros(len(owners), np.int64), np.zeros(count)
    return Population(
        actors=np.arange(1, count + 1),
        vectors=vectors,
        owners=owners,
        times=none.astype(np.float64),
        isolated=none > 0,
        frames=none,
        families=none,
        seqs=none,
        languages=np.asarray(languages, np.int64),
        moved=none > 0,
        volumes=zero,
        onsets=zero,
        isolation=zero,
        moves=zero,
        continued=zero,
    )


def _two_languages(seed: int, first: int, second: int) -> tuple[Population, npt.NDArray[np.int64]]:
    """Return accounts with habits of their own that write one of two languages, and which."""
    rng = np.random.default_rng(seed)
    spoken = np.array([1] * first + [2] * second)
    means = {1: direction(rng), 2: direction(rng)}
    parts = [prompts(rng, means[code] + direction(rng, 0.5), 10) for code in spoken.tolist()]
    vectors, owners = stacked(parts)
    return _population(vectors, owners, spoken[owners]), spoken


def _twins(population: Population) -> list[tuple[int, int]]:
    vectors, count = population.centred(), len(population.actors)
    sums = sums_of(vectors, population.owners, count)
    noise = within_noise(vectors, population.owners, sums)
    return [(i, j) for i, j, _ in twin_edges(sums, noise, TwinRule(rho=0.65))]


def test_every_account_weighs_alike_in_the_mean() -> None:
    # Account 0 has three prompts at (1, 0), account 1 one at (0, 1): the mean is (½, ½).
    population = _population([(1, 0), (1, 0), (1, 0), (0, 1)], [0, 0, 0, 1], [1] * 4)
    assert population.centred().tolist() == [[0.5, -0.5]] * 3 + [[-0.5, 0.5]]


def test_a_rarer_language_loses_its_own_mean() -> None:
    # Language 2, three accounts: mean of (0, 3), (3, 0), (0, 0) is (1, 1).
    vectors = [(1, 0)] * 4 + [(0, 3), (3, 0), (0, 0)]
    centred = _population(vectors, range(7), [1] * 4 + [2] * 3).centred()
    assert centred[4:].ravel().tolist() == pytest.approx([-1, 2, 2, -1, -1, -1], abs=1e-6)


def test_a_language_of_two_accounts_keeps_what_sets_it_off() -> None:
    # The mean of all is (4/6, 2/6).
    vectors = [(1, 0)] * 4 + [(0, 1)] * 2
    centred = _population(vectors, range(6), [1] * 4 + [2] * 2).centred()
    assert centred[4].tolist() == pytest.approx([-2 / 3, 2 / 3])


def test_accounts_count_and_not_prompts_for_a_mean_of_its_own() -> None:
    vectors = [(1, 0)] * 4 + [(0, 1)] * 3
    centred = _population(vectors, [0, 1, 2, 3, 4, 4, 5], [1] * 4 + [2] * 3).centred()
    assert np.abs(centred[4:]).sum() > 1


def test_vectors_are_left_as_they_were() -> None:
    population, _ = _two_languages(1, 6, 4)
    before = population.vectors.copy()
    assert population.centred().dtype == np.float32
    assert (population.vectors == before).all()


def test_accounts_of_a_rarer_language_are_no_twins() -> None:
    population, spoken = _two_languages(2, 30, 8)
    assert [(i, j) for i, j in _twins(population) if spoken[i] == 2] == []
    # They would be, were all of them of one language.
    flat = _population(population.vectors, population.owners, np.ones(len(population.owners)))
    assert len([(i, j) for i, j in _twins(flat) if spoken[i] == 2]) > 8


def test_accounts_of_the_commonest_language_among_others_are_no_twins() -> None:
    population, spoken = _two_languages(3, 22, 18)
    assert [(i, j) for i, j in _twins(population) if spoken[i] == 1] == []
