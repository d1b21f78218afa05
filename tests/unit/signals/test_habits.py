"""A task lies between bursts, a habit in them as well."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.signals.habits import Likeness, either, log_odds_of_task
from simsvc.domain.signals.robust import weighted_median


def _seen(*rows: tuple[int, int, int, int]) -> Likeness:
    """Rows of (k like of I alone, b like of B in bursts)."""
    k, alone, b, bursts = np.array(rows, np.float64).T
    return Likeness(alone, k, bursts, b)


def test_a_weighted_median_counts_values_as_often_as_their_weights() -> None:
    # 1 once, 5 three times, 9 twice: 1 5 5 5 9 9.
    assert weighted_median(np.array([9.0, 1, 5]), np.array([2.0, 1, 3])) == 5
    assert weighted_median(np.array([7.0]), np.array([0.0])) == 7


def test_one_account_by_hand() -> None:
    # Ten with 4 of 4 alone and 0 of 9 in bursts, chance 0.01. Usual ratio 0. A task's mean:
    # 9·0.01 + 0.05·4.5 = 0.315, a habit's 9·4.5/5 = 8.1: ln ratio 8.1 − 0.315 = 7.785 for b = 0.
    odds = log_odds_of_task(_seen(*[(4, 4, 0, 9)] * 10), 0.01)
    # One of ten has a habit: ln 9 = 2.197.
    assert odds == pytest.approx([7.785 + math.log(9)] * 10, abs=1e-3)


def test_who_asks_the_like_in_bursts_has_a_habit() -> None:
    workers = [(5, 8, 0, 18)] * 20
    habits = [(3, 8, 6, 16)] * 8
    odds = log_odds_of_task(_seen(*workers, *habits), 0.02)
    assert (odds[:20] > 5).all()
    assert (odds[20:] < 0).all()


def test_where_there_are_no_bursts_nothing_is_told_but_the_prior() -> None:
    # A campaign without cover: ln ratio 0, ln 9 whoever else is in the group.
    odds = log_odds_of_task(_seen(*[(20, 20, 0, 0)] * 30, *[(1, 8, 9, 16)] * 60), 0.02)
    assert odds[:30] == pytest.approx([math.log(9)] * 30)
    assert (odds[30:] < 0).all()


def test_a_task_that_is_sent_in_bursts_is_no_habit() -> None:
    # All members have three in bursts for each one alone: that is usual here.
    odds = log_odds_of_task(_seen(*[(4, 5, 12, 20)] * 30), 0.02)
    assert (odds > 0).all()


@given(st.lists(st.tuples(*[st.integers(0, 24)] * 4), min_size=1, max_size=40))
def test_odds_are_finite_whatever_was_seen(rows: list[tuple[int, int, int, int]]) -> None:
    held = [(min(k, i), i, min(b, n), n) for k, i, b, n in rows]
    assert np.isfinite(log_odds_of_task(_seen(*held), 0.01)).all()


def test_two_alternatives_add_up() -> None:
    # Odds 4 against one, 4 against the other: 2 against both.
    assert either(np.log([4.0]), np.log([4.0])) == pytest.approx(np.log([2.0]))
    assert either(np.array([30.0]), np.array([1.0])) == pytest.approx([1.0])
