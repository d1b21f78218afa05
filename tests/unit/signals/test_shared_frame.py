from __future__ import annotations

import math

import pytest

from simsvc.domain.signals.shared_frame import FrameUse, log_p_shared_frame
from simsvc.domain.signals.tails import LEAST


def _use(inside: int, members: int, outside: int, others: int) -> FrameUse:
    return FrameUse(inside, members, outside, others, prompts=10, payloads=9)


def test_hypergeometric_tail_by_hand() -> None:
    # 3 users among 3 members of 5 accounts: 1/C(5, 3) = 1/10.
    assert log_p_shared_frame(_use(3, 3, 0, 2)) == pytest.approx(math.log(0.1))
    # 2 or more of 4 members, 3 users of 10 accounts:
    # (C(4,2)·C(6,1) + C(4,3))/C(10, 3) = (36 + 4)/120 = 1/3.
    assert log_p_shared_frame(_use(2, 4, 1, 6)) == pytest.approx(math.log(1 / 3))


def test_a_frame_that_all_use_or_no_member_uses_says_nothing() -> None:
    assert log_p_shared_frame(_use(5, 5, 100, 100)) == pytest.approx(0.0, abs=1e-9)
    assert log_p_shared_frame(_use(0, 5, 10, 100)) == pytest.approx(0.0, abs=1e-9)


def test_nobody_says_nothing() -> None:
    assert log_p_shared_frame(_use(0, 0, 0, 0)) == 0.0


def test_far_out_it_is_finite_and_right() -> None:
    # All 2000 users are the 2000 members of 10 000: 1/C(10 000, 2000).
    log_choose = math.lgamma(10_001) - math.lgamma(2001) - math.lgamma(8001)
    log_p = log_p_shared_frame(_use(2000, 2000, 0, 8000))
    assert log_p == pytest.approx(-log_choose, rel=1e-6)
    assert log_p > LEAST


def test_distinct_payloads_a_prompt() -> None:
    assert _use(1, 1, 0, 1).distinct == pytest.approx(0.9)
    assert FrameUse(0, 1, 0, 1, prompts=0, payloads=0).distinct == 0.0
