from __future__ import annotations

import math
from dataclasses import replace

import pytest

from simsvc.domain.verdict import (
    Confidence,
    Measures,
    Tactic,
    Thresholds,
    Verdict,
    independent,
    judge,
)

T = Thresholds()
STRONG = -40.0
# Content is strong; nothing else is.
CONTENT = Measures(
    actors=20,
    exchangeability=0.95,
    labour=12.0,
    log_p_cohesion=STRONG,
    log_p_replay=0.0,
    log_p_schedule=0.0,
    log_p_isolated=0.0,
    log_p_frame=0.0,
    log_p_session=0.0,
    like_volumes=False,
    framed=0.0,
    movers=0.0,
    distinct=0.98,
)
EVERYTHING_ELSE = replace(
    CONTENT,
    log_p_schedule=STRONG,
    log_p_isolated=STRONG,
    log_p_frame=STRONG,
    log_p_session=STRONG,
    like_volumes=True,
    framed=1.0,
    movers=1.0,
)


def _judged(measures: Measures) -> Verdict:
    verdict = judge(measures, T)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("labour", [1.0, T.labour - 0.1])
def test_a_class_or_benchmark_that_all_ask_whole_is_no_campaign(labour: float) -> None:
    assert judge(replace(EVERYTHING_ELSE, labour=labour, log_p_replay=STRONG), T) is None
    assert judge(replace(EVERYTHING_ELSE, labour=T.labour), T) is not None


def test_without_content_nothing_else_is_evidence() -> None:
    weak = T.log_p_content + 0.1
    no_moves = replace(EVERYTHING_ELSE, log_p_cohesion=weak, log_p_session=0.0)
    assert judge(no_moves, T) is None
    # Moved conversations name accounts exactly, but are one kind of evidence only.
    verdict = judge(replace(EVERYTHING_ELSE, log_p_cohesion=weak), T)
    assert verdict is not None
    assert verdict.confidence is Confidence.MEDIUM
    assert judge(replace(EVERYTHING_ELSE, log_p_cohesion=weak, log_p_replay=STRONG), T)


def test_content_alone_is_low() -> None:
    verdict = _judged(CONTENT)
    assert verdict.confidence is Confidence.LOW
    assert verdict.log_p == 0.0


def test_content_and_schedule_are_high() -> None:
    verdict = _judged(replace(CONTENT, log_p_schedule=-25.0))
    assert verdict.confidence is Confidence.HIGH
    # The larger of −40 and −25.
    assert verdict.log_p == -25.0
    assert _judged(replace(CONTENT, log_p_schedule=-60.0)).log_p == STRONG


@pytest.mark.parametrize(
    ("log_p", "confidence"),
    [
        (T.log_p_high, Confidence.HIGH),
        (T.log_p_high + 0.1, Confidence.MEDIUM),
        (T.log_p_medium, Confidence.MEDIUM),
        (T.log_p_medium + 0.1, Confidence.LOW),
    ],
)
def test_confidence_changes_at_the_thresholds(log_p: float, confidence: Confidence) -> None:
    assert _judged(replace(CONTENT, log_p_schedule=log_p)).confidence is confidence


def test_a_frame_counts_only_with_like_volumes_and_in_most_prompts() -> None:
    framed = replace(CONTENT, log_p_frame=STRONG, framed=0.9)
    assert _judged(framed).confidence is Confidence.LOW
    assert _judged(replace(framed, like_volumes=True)).confidence is Confidence.HIGH
    rare = replace(framed, like_volumes=True, framed=0.49)
    assert _judged(rare).confidence is Confidence.LOW
    assert independent(framed, T) == 0.0
    assert independent(replace(framed, like_volumes=True), T) == STRONG


def test_a_help_desk_whose_users_have_habits_of_their_own_is_no_campaign() -> None:
    desk = replace(
        CONTENT, exchangeability=0.2, log_p_frame=STRONG, framed=1.0, log_p_schedule=STRONG
    )
    assert judge(desk, T) is None
    assert judge(replace(desk, like_volumes=True, log_p_isolated=STRONG), T) is None


def test_topical_accounts_need_prompts_that_stand_alone_and_are_never_high() -> None:
    topical = replace(CONTENT, exchangeability=0.5, log_p_schedule=STRONG)
    assert judge(topical, T) is None
    assert judge(replace(topical, log_p_isolated=T.log_p_topical + 0.1), T) is None
    verdict = _judged(replace(topical, log_p_isolated=T.log_p_topical))
    assert verdict.confidence is Confidence.MEDIUM
    assert verdict.tactics == (Tactic.TOPICAL_PARTITION,)


def test_sessions_that_move_to_most_accounts_are_high_whatever_their_topics() -> None:
    hops = replace(CONTENT, exchangeability=0.1, log_p_session=STRONG, movers=0.6)
    verdict = _judged(hops)
    assert verdict.confidence is Confidence.HIGH
    assert verdict.tactics == (Tactic.SESSION_HOP,)


def test_sessions_that_move_to_few_accounts_count_for_nothing() -> None:
    few = replace(CONTENT, log_p_session=STRONG, movers=0.4)
    assert independent(few, T) == 0.0
    assert _judged(few).confidence is Confidence.LOW
    assert judge(replace(few, exchangeability=0.1), T) is None


def test_sessions_stand_for_one_source_only_at_twice_the_threshold() -> None:
    hops = replace(CONTENT, exchangeability=0.1, movers=1.0, log_p_session=2 * T.log_p_high + 0.1)
    assert judge(hops, T) is None
    assert judge(replace(hops, log_p_session=2 * T.log_p_high), T) is not None


def test_independent_evidence_is_that_of_the_strongest_family() -> None:
    several = replace(EVERYTHING_ELSE, log_p_schedule=-5.0, log_p_frame=-9.0, log_p_session=-7.0)
    assert independent(several, T) == -9.0
    assert independent(CONTENT, T) == 0.0


@pytest.mark.parametrize(
    ("change", "tactics"),
    [
        ({}, (Tactic.PARTITION,)),
        ({"framed": 0.5}, (Tactic.SHARED_FRAME, Tactic.PARTITION)),
        ({"log_p_replay": STRONG, "distinct": 0.3}, (Tactic.REPLAY,)),
        ({"log_p_replay": STRONG, "distinct": 0.9}, (Tactic.PARTITION,)),
        ({"log_p_replay": -1.0, "distinct": 0.3}, (Tactic.PARTITION,)),
        ({"log_p_session": STRONG, "movers": 0.5}, (Tactic.SESSION_HOP,)),
        ({"reference": 0.3}, (Tactic.PARTITION, Tactic.REFERENCE_SET)),
        ({"successive": True}, (Tactic.PARTITION, Tactic.NEW_POOL)),
    ],
)
def test_tactics(change: dict[str, float], tactics: tuple[Tactic, ...]) -> None:
    assert _judged(replace(CONTENT, **change)).tactics == tactics  # type: ignore[arg-type]


def test_next_steps_warn_against_acting_on_content_alone() -> None:
    low, high = _judged(CONTENT), _judged(replace(CONTENT, log_p_schedule=STRONG))
    assert any("do not act" in step for step in low.next_steps)
    assert not any("do not act" in step for step in high.next_steps)
    assert any("second reviewer" in step for step in high.next_steps)


def test_next_steps_go_with_the_tactics() -> None:
    many = _judged(replace(CONTENT, framed=1.0, successive=True)).next_steps
    plain = _judged(CONTENT).next_steps
    for word in ("Match the frame", "take over"):
        assert any(word in step for step in many)
        assert not any(word in step for step in plain)


def test_thresholds_can_be_calibrated() -> None:
    strict = replace(T, labour=20.0)
    assert judge(CONTENT, strict) is None
    assert math.isclose(math.exp(T.log_p_high), 1e-6)
