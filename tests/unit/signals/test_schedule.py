from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from simsvc.domain.signals.schedule import (
    log_p_isolated,
    log_p_joint_onset,
    log_p_like_volumes,
    log_p_no_nights,
    log_p_too_regular,
    wakefulness,
)

DAY = 86400.0
HOUR = 3600.0
SMALL = math.log(1e-4)
PLAIN = math.log(0.01)
Test = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], float]
TESTS: list[Test] = [log_p_isolated, log_p_no_nights, log_p_like_volumes, log_p_joint_onset]


def _array(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def test_wakefulness_by_hand() -> None:
    # Owner 0: 06:00 on three days: ((3²)/3 − 1)/2 = 1. Owner 1: 00:00 and 12:00: (0 − 1)/1 = −1.
    # Owner 2: 00:00 and 06:00: (1² + 1²)/2 − 1 = 0. Owner 3: one prompt; owner 4: none.
    times = _array(6 * HOUR, 6 * HOUR + DAY, 6 * HOUR + 9 * DAY, 0, 12 * HOUR, 0, 6 * HOUR, 5)
    owners = np.array([0, 0, 0, 1, 1, 2, 2, 3])
    kept = wakefulness(times, owners, 5)
    assert kept[:3].tolist() == pytest.approx([1, -1, 0])
    assert np.isnan(kept[3:]).all()


def test_wakefulness_of_prompts_at_all_hours_is_none_on_the_mean() -> None:
    rng = np.random.default_rng(1)
    owners = np.repeat(np.arange(200), 5)
    kept = wakefulness(rng.uniform(0, 30 * DAY, 1000), owners, 200)
    # The standard deviation of one is √(2/(5·4)) = 0.316, of the mean 0.022.
    assert kept.mean() == pytest.approx(0.0, abs=0.09)


def test_wakefulness_of_one_who_sleeps_is_large() -> None:
    # Uniform over 8 hours: the mean point is sin(60°)/(π/3) = 0.827 long, squared 0.684.
    rng = np.random.default_rng(2)
    times = rng.uniform(9 * HOUR, 17 * HOUR, 2000) + DAY * rng.integers(0, 9, 2000)
    assert wakefulness(times, np.zeros(2000, np.int64), 1)[0] == pytest.approx(0.684, abs=0.03)


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("seed", range(5))
def test_accounts_drawn_from_all_give_no_small_p(test: Test, seed: int) -> None:
    rng = np.random.default_rng(seed)
    everyone = rng.lognormal(2.0, 1.0, 120)
    assert test(everyone[:20], everyone[20:]) > SMALL


@pytest.mark.parametrize("test", TESTS)
def test_three_accounts_are_too_few_to_tell(test: Test) -> None:
    few, many = _array(1, 1, 1), np.linspace(2, 9, 50)
    assert test(few, many) == 0.0
    assert test(many, few) == 0.0


@pytest.mark.parametrize("test", TESTS)
def test_accounts_that_are_all_the_same_tell_nothing(test: Test) -> None:
    assert test(np.full(10, 3.0), np.full(50, 3.0)) > PLAIN


def test_isolated_prompts_that_exceed_the_others_by_hand() -> None:
    # All 4·4 pairs favour the group: U = 16, mean 8, deviation √(16·9/12) = 3.4641,
    # z = (16 − 8 − ½)/3.4641 = 2.16506, p = 0.015191.
    log_p = log_p_isolated(_array(0.6, 0.7, 0.8, 0.9), _array(0.1, 0.2, 0.3, 0.4))
    assert log_p == pytest.approx(math.log(0.015191), abs=1e-3)


def test_isolation_counts_one_way_only() -> None:
    rng = np.random.default_rng(3)
    jobs, people = rng.uniform(0.7, 1.0, 15), rng.uniform(0.0, 0.6, 60)
    assert log_p_isolated(jobs, people) < SMALL
    assert log_p_isolated(people, jobs) > PLAIN


def test_a_group_without_nights_stands_out_one_way_only() -> None:
    rng = np.random.default_rng(4)
    jobs, people = rng.normal(0.0, 0.1, 15), rng.normal(0.6, 0.1, 60)
    assert log_p_no_nights(jobs, people) < SMALL
    assert log_p_no_nights(people, jobs) > PLAIN


def test_accounts_whose_hours_are_unknown_are_left_out() -> None:
    rng = np.random.default_rng(5)
    jobs, people = rng.normal(0.0, 0.1, 15), rng.normal(0.6, 0.1, 60)
    unknown = np.full(10, np.nan)
    plain = log_p_no_nights(jobs, people)
    known = log_p_no_nights(np.concatenate([jobs, unknown]), np.concatenate([unknown, people]))
    assert known == plain
    assert log_p_no_nights(np.concatenate([jobs[:3], unknown]), people) == 0.0


def test_like_volumes_stand_out_whatever_their_size() -> None:
    rng = np.random.default_rng(6)
    people = rng.lognormal(2.0, 1.5, 80)
    for size in (3.0, 50.0, 4000.0):
        assert log_p_like_volumes(size * rng.uniform(0.95, 1.05, 20), people) < SMALL
    assert log_p_like_volumes(people, 50 * rng.uniform(0.95, 1.05, 20)) > PLAIN


def test_equal_volumes_are_alike() -> None:
    rng = np.random.default_rng(7)
    assert log_p_like_volumes(np.full(20, 40.0), rng.lognormal(2.0, 1.5, 80)) < SMALL


def test_like_volumes_by_hand() -> None:
    # Logarithms of the group −1, 0, 0, 1: distances to the median 1, 0, 0, 1. Others −3, −1, 1, 3:
    # 3, 1, 1, 3. Of 16 pairs the group is closer in 12 and as close in 4: 14/16 = 0.875. Error
    # √(9/(12·16)) = 0.216506, z = (0.875 − 0.6)/0.216506 = 1.27017.
    group, others = np.exp(_array(-1, 0, 0, 1)), np.exp(_array(-3, -1, 1, 3))
    expected = float(stats.norm.logsf(1.27017))
    assert log_p_like_volumes(group, others) == pytest.approx(expected, rel=1e-4)


def test_a_handful_of_accounts_cannot_be_overwhelming() -> None:
    # Seven that began within a minute among hundreds, closer than nearly all: by ranks
    # z ≈ (1 − 0.6)/√(408/(12·2800)) = 3.63, ln p ≈ −8.9, and no less.
    rng = np.random.default_rng(3)
    log_p = log_p_joint_onset(5e5 + rng.uniform(0, 60, 7), rng.uniform(0, 1e6, 400))
    assert -9.0 < log_p < -8.0


def test_a_small_likeness_of_many_accounts_is_no_evidence() -> None:
    # Whoever sends more begins earlier, so that any large group begins a little closer together.
    rng = np.random.default_rng(4)
    log_p = log_p_joint_onset(rng.normal(0, 0.75, 300), rng.normal(0, 1, 2000))
    assert log_p > PLAIN


def test_accounts_that_begin_together_stand_out() -> None:
    rng = np.random.default_rng(8)
    people = rng.uniform(0, 30 * DAY, 80)
    jobs = 20 * DAY + rng.uniform(0, 3 * HOUR, 15)
    assert log_p_joint_onset(jobs, people) < SMALL
    assert log_p_joint_onset(people, jobs) > PLAIN


def test_order_by_hand() -> None:
    # Two accounts by turns, 4 each: Σ 4·3/8 = 3 expected, none seen: ln e⁻³.
    assert log_p_too_regular(np.array([0, 1] * 4)) == pytest.approx(-3.0)
    # 0 0 1 1: Σ 2·1/4·2 = 1 expected, 2 seen: P(X ≤ 2) = 2.5/e.
    assert log_p_too_regular(np.array([0, 0, 1, 1])) == pytest.approx(math.log(2.5) - 1)


def test_a_round_robin_stands_out_and_bursts_and_random_order_do_not() -> None:
    rng = np.random.default_rng(9)
    assert log_p_too_regular(np.tile(np.arange(10), 30)) < SMALL
    assert log_p_too_regular(np.repeat(np.arange(10), 30)) > PLAIN
    for _ in range(5):
        assert log_p_too_regular(rng.integers(0, 10, 300)) > SMALL


def test_order_of_three_arrivals_or_of_accounts_that_came_once_tells_nothing() -> None:
    assert log_p_too_regular(np.array([0, 1, 0])) == 0.0
    assert log_p_too_regular(np.arange(50)) == 0.0


def test_an_unknown_share_is_not_evidence() -> None:
    people = np.linspace(0.2, 0.6, 50)
    assert log_p_isolated(_array(0.3, 0.4, 0.5, 0.3, math.nan), people) > PLAIN
