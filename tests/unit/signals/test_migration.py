from __future__ import annotations

import math

import pytest

from simsvc.domain.signals.migration import Conversations, moves

ANN, BOB, CAT = 1, 2, 3


def _state(number: int) -> bytes:
    return number.to_bytes(8, "little") + b"rest"


ONE, TWO, THREE = _state(1), _state(2), _state(3)


def test_a_conversation_that_goes_on_under_another_account_comes_from_the_first() -> None:
    talks = Conversations(64)
    assert talks.follow(b"", ONE, ANN) == 0
    assert talks.follow(ONE, TWO, BOB) == ANN


def test_a_conversation_that_stays_has_not_moved() -> None:
    talks = Conversations(64)
    assert [talks.follow(b"", ONE, ANN), talks.follow(ONE, TWO, ANN)] == [0, 0]
    assert talks.follow(TWO, THREE, ANN) == 0


def test_a_conversation_that_hops_comes_from_the_last_account_each_time() -> None:
    talks = Conversations(64)
    origins = [talks.follow(b"", ONE, ANN), talks.follow(ONE, TWO, BOB)]
    origins += [talks.follow(TWO, THREE, CAT), talks.follow(THREE, _state(4), ANN)]
    assert origins == [0, ANN, BOB, CAT]


def test_a_beginning_that_is_not_known_names_nobody() -> None:
    assert Conversations(64).follow(ONE, TWO, ANN) == 0


def test_a_template_that_many_begin_with_names_nobody() -> None:
    talks = Conversations(64)
    talks.follow(b"", ONE, ANN)
    talks.follow(b"", ONE, BOB)
    assert talks.follow(ONE, TWO, CAT) == 0
    # Nor does it once one of them sends it again, or a third does.
    for actor in (ANN, ANN, CAT):
        talks.follow(b"", ONE, actor)
    assert talks.follow(ONE, THREE, BOB) == 0


def test_what_one_account_sends_again_still_is_its_own() -> None:
    talks = Conversations(64)
    talks.follow(b"", ONE, ANN)
    talks.follow(b"", ONE, ANN)
    assert talks.follow(ONE, TWO, BOB) == ANN


def test_a_prompt_without_a_state_is_followed_and_not_noted() -> None:
    talks = Conversations(64)
    talks.follow(b"", ONE, ANN)
    assert talks.follow(ONE, b"", BOB) == ANN
    assert talks.follow(ONE, b"", CAT) == ANN
    assert talks.follow(b"", b"", BOB) == 0


def test_an_old_state_gives_way_to_a_new_one_in_its_slot() -> None:
    talks = Conversations(64)
    talks.follow(b"", ONE, ANN)
    talks.follow(b"", _state(65), BOB)  # 65 mod 64 = 1
    assert talks.follow(ONE, TWO, CAT) == 0
    assert talks.follow(_state(65), TWO, CAT) == BOB


def test_a_state_in_a_slot_of_another_is_not_mistaken_for_it() -> None:
    talks = Conversations(64)
    talks.follow(b"", ONE, ANN)
    assert talks.follow(_state(65), TWO, BOB) == 0


def test_moves_at_the_ordinary_rate_by_hand() -> None:
    # 2000 continued at 1e-3: 2 expected. P(X ≥ 2) = 1 − 3 e⁻² = 0.593994.
    found = moves(2, 2000, 1e-3)
    assert (found.moved, found.continued, found.expected) == (2, 2000, 2.0)
    assert found.log_p == pytest.approx(math.log(0.593994), abs=1e-5)


def test_a_pool_that_hops_is_far_from_the_ordinary_rate() -> None:
    # 100 of 200, 0.2 expected: about ln(0.2¹⁰⁰ e^−0.2/100!) = −160.94 − 0.2 − 363.74 = −524.9.
    assert moves(100, 200, 1e-3).log_p == pytest.approx(-524.9, abs=0.1)


def test_no_moves_are_no_evidence() -> None:
    assert moves(0, 0, 1e-3).log_p == 0.0
    assert moves(0, 500, 1e-3).log_p == 0.0
