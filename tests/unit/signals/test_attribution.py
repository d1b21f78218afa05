from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from simsvc.domain.signals.attribution import SOURCE, Attribution, Attributor, shortfall
from simsvc.domain.signals.twins import cohesion_of, sums_of
from tests.unit.signals.worlds import direction, prompts, stacked, unit

ORGANIC = 100
MEMBERS = 20
LEAST = 0.7
Part = npt.NDArray[np.float32]


def _organic(rng: np.random.Generator, count: int) -> list[Part]:
    """Return accounts of 10 to 30 prompts with a habit each."""
    return [prompts(rng, direction(rng, 0.2), int(rng.integers(10, 31))) for _ in range(count)]


def _covered(rng: np.random.Generator, source: npt.NDArray[np.float64], count: int) -> list[Part]:
    """Return accounts of 10 to 30 prompts, of which a fifth, 2 to 6, are the source's."""
    parts = []
    for _ in range(count):
        n = int(rng.integers(10, 31))
        cover = prompts(rng, direction(rng, 0.2), n - n // 5)
        parts.append(np.concatenate([cover, prompts(rng, source, n // 5)]))
    return parts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_members_behind_four_fifths_of_cover_are_attributed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = _organic(rng, ORGANIC) + _covered(rng, direction(rng, 2.0), MEMBERS)
    # The seed lacks four members and holds two accounts that are none.
    start = np.array([0, 1, *range(ORGANIC, ORGANIC + MEMBERS - 4)])
    found = Attributor(*stacked(parts), len(parts)).attribute(start, LEAST)
    assert found is not None
    assert found.members[ORGANIC:].sum() >= MEMBERS - 1
    assert found.members[:ORGANIC].sum() <= 1


def test_evidence_tells_which_prompts_of_a_member_are_the_sources() -> None:
    rng = np.random.default_rng(4)
    parts = _organic(rng, ORGANIC) + _covered(rng, direction(rng, 2.0), MEMBERS)
    vectors, owners = stacked(parts)
    attributor = Attributor(vectors, owners, len(parts))
    found = attributor.attribute(np.arange(ORGANIC, ORGANIC + MEMBERS), LEAST)
    assert found is not None
    # A member's last fifth is the source's.
    planted = np.concatenate(
        [np.arange(len(p)) >= len(p) - (len(p) // 5 if a >= ORGANIC else 0)
         for a, p in enumerate(parts)]
    )[attributor.order]  # fmt: skip
    counted = found.evidence > SOURCE
    assert (counted & planted).sum() / planted.sum() > 0.95
    assert (counted & planted).sum() / counted.sum() > 0.8


def test_what_members_share_behind_cover_is_exchangeable() -> None:
    rng = np.random.default_rng(5)
    parts = _organic(rng, ORGANIC) + _covered(rng, direction(rng, 2.0), MEMBERS)
    attributor = Attributor(*stacked(parts), len(parts))
    found = attributor.attribute(np.arange(ORGANIC, ORGANIC + MEMBERS), LEAST)
    assert found is not None
    chosen = found.members[attributor.owners] & (found.evidence > SOURCE)
    places, local = np.unique(attributor.owners[chosen], return_inverse=True)
    sums = sums_of(attributor.vectors[chosen], local, len(places))
    assert len(places) >= MEMBERS - 1
    assert cohesion_of(sums).exchangeability == pytest.approx(1.0, abs=0.15)


def test_an_account_that_asks_one_thing_again_and_again_is_a_habit() -> None:
    """Two accounts are as near to the source in each prompt; one repeats itself."""
    rng = np.random.default_rng(6)
    organic, members = 400, 12
    parts = [prompts(rng, direction(rng, 0.2), 20) for _ in range(organic)]
    source = direction(rng, 0.5)
    parts += [prompts(rng, source, 20) for _ in range(members)]
    # cos² = 1/(1 + 1.5²): the rest of each prompt is at right angles to the source.
    cos = 1 / math.hypot(1, 1.5)
    rest = rng.normal(size=(5, len(source)))
    rest -= np.outer(rest @ unit(source), unit(source))
    rest = unit(rest) * math.sqrt(1 - cos * cos)
    habit = np.repeat(rest[:1], 4, axis=0) + cos * unit(source)
    various = rest[1:] + cos * unit(source)
    parts += [habit.astype(np.float32), various.astype(np.float32)]
    found = Attributor(*stacked(parts), len(parts)).attribute(
        np.arange(organic, organic + members + 1), LEAST
    )
    assert found is not None
    assert found.members[organic : organic + members].all()
    assert not found.members[-2]
    assert found.members[-1]


def test_accounts_with_habits_of_their_own_fall_apart() -> None:
    rng = np.random.default_rng(7)
    parts = _organic(rng, ORGANIC)
    attributor = Attributor(*stacked(parts), len(parts))
    for start in range(0, 60, 10):
        found = attributor.attribute(np.arange(start, start + 10), LEAST)
        assert found is None or found.members.sum() < 10


def test_order_is_a_permutation_and_an_account_without_prompts_is_no_member() -> None:
    rng = np.random.default_rng(8)
    parts = _organic(rng, 60) + _covered(rng, direction(rng, 3.0), 20)
    vectors, owners = stacked(parts)
    attributor = Attributor(vectors, owners, len(parts) + 1)
    assert sorted(attributor.order.tolist()) == list(range(len(vectors)))
    assert attributor.owners.tolist() == owners[attributor.order].tolist()
    found = attributor.attribute(np.arange(60, 81), LEAST)
    assert found is not None
    assert not found.members[80]


def test_the_same_traffic_gives_the_same_result() -> None:
    rng = np.random.default_rng(9)
    parts = _organic(rng, 60) + _covered(rng, direction(rng, 3.0), 20)
    first, second = (
        Attributor(*stacked(parts), 80).attribute(np.arange(60, 80), LEAST) for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert first.log_odds.tolist() == second.log_odds.tolist()


def test_probability_is_the_logistic_of_the_log_odds() -> None:
    # 1/(1 + e^−ln 3) = 3/4; far out it stays within 0 and 1.
    odds = np.array([0.0, math.log(3), 1e9, -1e9])
    group = Attribution(np.ones(4, np.bool_), odds, np.zeros(0))
    assert [group.probability(i) for i in range(4)] == pytest.approx([0.5, 0.75, 1.0, 0.0])


def test_who_does_little_of_the_work_stands_by() -> None:
    # The middle prompt of 86 is of an account that sent 16, so the spread is at least
    # √(1/16 + 1/16) = 0.354. For 2 of 16: ln(1/8) = −2.079, z = −5.88, −z²/2 = −17.3. More than
    # the middle is no loss.
    asked = np.array([16.0, 16, 16, 16, 2, 20])
    less = shortfall(asked)
    assert less[4] == pytest.approx(-17.29, abs=0.05)
    assert less[[0, 5]] == pytest.approx([0, 0])


def test_however_many_stand_by_the_middle_is_of_those_who_work() -> None:
    # Eight sent 16 each, twenty 2 each: the middle of 168 prompts is 16, that of 28 accounts 2.
    less = shortfall(np.array([16.0] * 8 + [2.0] * 20))
    assert less[0] == 0
    assert less[-1] == pytest.approx(-17.29, abs=0.05)


def test_where_volumes_spread_little_follows_from_one() -> None:
    asked = np.exp(np.random.default_rng(1).normal(2.5, 1.0, 40))
    assert np.mean(shortfall(asked) > -3) > 0.9
