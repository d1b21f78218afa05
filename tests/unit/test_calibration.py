"""What calibration learns, and that feedback moves thresholds visibly and only so far."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsvc.domain.calibration import Calibration, Observed, calibrate
from simsvc.domain.verdict import Confidence, Measures, Thresholds, judge

ORDINARY = Measures(
    actors=20, exchangeability=0.9, labour=50.0, log_p_cohesion=-500.0, log_p_replay=0.0,
    log_p_schedule=-8.0, log_p_isolated=-1.0, log_p_frame=0.0, log_p_session=0.0,
    like_volumes=False, framed=0.0, movers=0.0, distinct=1.0,
)  # fmt: skip
CAMPAIGN = replace(ORDINARY, log_p_schedule=-200.0)


def observed(*groups: Measures, prompts: int = 20_000, moved: int = 0) -> Observed:
    return Observed(prompts, 800, 7.0, groups, moved, 1000)


def test_thresholds_never_fall_under_the_shipped_ones() -> None:
    made = calibrate(observed(replace(ORDINARY, log_p_schedule=-0.1)))
    assert made.thresholds == Thresholds()
    assert made.sufficient


def test_what_ordinary_groups_reach_is_no_evidence() -> None:
    near = replace(ORDINARY, log_p_schedule=-9.0)
    made = calibrate(observed(near, ORDINARY))
    assert made.thresholds.log_p_medium == pytest.approx(1.2 * -9.0)
    assert made.thresholds.log_p_high == Thresholds().log_p_high


def test_a_campaign_in_the_stretch_is_not_the_measure_of_what_is_ordinary() -> None:
    made = calibrate(observed(ORDINARY, CAMPAIGN))
    assert made.suspects == 1
    assert judge(CAMPAIGN, made.thresholds).confidence is Confidence.HIGH


def test_a_dismissed_campaign_is_no_alarm_afterwards() -> None:
    wrong = replace(ORDINARY, log_p_schedule=-60.0)
    assert judge(wrong, Thresholds()).confidence is Confidence.HIGH
    made = calibrate(observed(ORDINARY), dismissed=[wrong])
    assert made.dismissed == 1
    assert judge(wrong, made.thresholds).confidence is Confidence.LOW
    assert judge(CAMPAIGN, made.thresholds).confidence is Confidence.HIGH


def test_ordinary_moves_raise_the_rate() -> None:
    assert calibrate(observed(moved=50)).thresholds.move_rate == pytest.approx(0.05)
    assert calibrate(observed(moved=0)).thresholds.move_rate == Thresholds().move_rate


def test_too_little_is_said_to_be_too_little() -> None:
    few = calibrate(observed(ORDINARY, prompts=100))
    assert not few.sufficient
    assert "insufficient data" in few.remark()
    assert "insufficient data" in Calibration().remark()
    assert "insufficient" not in calibrate(observed(ORDINARY)).remark()


def test_json_there_and_back() -> None:
    made = calibrate(observed(ORDINARY, CAMPAIGN), confirmed=2)
    assert Calibration.from_json(made.to_json()) == made
    with pytest.raises((ValueError, TypeError, KeyError)):
        Calibration.from_json('{"thresholds": {"no_such": 1}}')
