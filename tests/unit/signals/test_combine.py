from __future__ import annotations

import math

import numpy as np
import pytest

from simsvc.domain.signals.combine import OnlineFdr, combined_log_p


def test_nothing_combines_to_no_evidence() -> None:
    assert combined_log_p([]) == 0.0


@pytest.mark.parametrize("p", [0.9, 0.5, 0.01, 1e-12, 1e-200])
def test_one_test_combines_to_itself(p: float) -> None:
    assert combined_log_p([math.log(p)]) == pytest.approx(math.log(p), rel=1e-6)


def test_two_tests_by_hand() -> None:
    # tan(0.49 π) = 31.8205, tan(0) = 0: T = 15.91026. p = ½ − arctan(15.91026)/π
    # = arctan(0.0628525)/π = 0.0627699/π = 0.0199803.
    assert math.exp(combined_log_p([math.log(0.01), math.log(0.5)])) == pytest.approx(
        0.0199803, abs=1e-7
    )


def test_two_tests_with_little_in_them_by_hand() -> None:
    # tan(−0.4 π) = −3.07768, tan(−0.25 π) = −1: T = −2.03884.
    # p = ½ + arctan(2.03884)/π = ½ + 1.114798/π = 0.854851.
    assert math.exp(combined_log_p([math.log(0.9), math.log(0.75)])) == pytest.approx(
        0.854851, abs=1e-5
    )


@pytest.mark.parametrize("log_p", [-50.0, -600.0, -1000.0, -5000.0])
def test_far_out_one_test_of_three_pays_for_three(log_p: float) -> None:
    # The mean of 1/p is (1/p)/3, so that p becomes 3 p.
    combined = combined_log_p([log_p, math.log(0.5), math.log(0.5)])
    assert combined == pytest.approx(log_p + math.log(3))


def test_equal_tests_combine_to_the_same() -> None:
    assert combined_log_p([math.log(1e-5)] * 4) == pytest.approx(math.log(1e-5))


def test_the_order_of_tests_is_nothing() -> None:
    p = [math.log(x) for x in (0.3, 1e-4, 0.02)]
    assert combined_log_p(p) == pytest.approx(combined_log_p(p[::-1]))


def test_uniform_tests_combine_to_a_uniform_one() -> None:
    rng = np.random.default_rng(1)
    combined = [combined_log_p(np.log(rng.random(5)).tolist()) for _ in range(2000)]
    for level in (0.05, 0.2, 0.5):
        # Four standard deviations of a share of 2000.
        wide = 4 * math.sqrt(level * (1 - level) / 2000)
        share = float(np.mean(np.array(combined) <= math.log(level)))
        assert share == pytest.approx(level, abs=wide)


def test_tests_without_data_take_little_away() -> None:
    # Five tests, of which one found something and four had nothing to go by: at most 5 p.
    combined = combined_log_p([math.log(1e-8), 0.0, 0.0, 0.0, 0.0])
    assert combined <= math.log(6e-8)


@pytest.mark.parametrize("log_ps", [[0.0], [0.0, 0.0], [-1e9], [-1e9, 0.0], [-690.0, 0.0]])
def test_the_ends_are_finite_and_no_more_than_certain(log_ps: list[float]) -> None:
    combined = combined_log_p(log_ps)
    assert math.isfinite(combined)
    assert combined <= 0.0


def _threshold_holds(fdr: OnlineFdr, threshold: float) -> bool:
    """Tell whether the next test is held to a threshold, without making it a discovery."""
    above = OnlineFdr(fdr.alpha, fdr.tests, fdr.discoveries)
    below = OnlineFdr(fdr.alpha, fdr.tests, fdr.discoveries)
    over = above.discover(math.log(threshold * 1.001))
    return below.discover(math.log(threshold * 0.999)) and not over


def test_first_thresholds_by_hand() -> None:
    # α γ_n (R + 1) with α = 0.05, γ_n = 6/(π n)² = 0.607927/n².
    fdr = OnlineFdr(0.05)
    assert _threshold_holds(fdr, 0.0303964)  # γ_1 = 0.607927, R = 0
    assert not fdr.discover(math.log(0.04))
    assert _threshold_holds(fdr, 0.0075991)  # γ_2 = 0.151982, R = 0
    assert fdr.discover(math.log(1e-5))
    assert _threshold_holds(fdr, 0.0067547)  # γ_3 = 0.0675475, times 2
    assert fdr.discover(math.log(1e-5))
    assert _threshold_holds(fdr, 0.0056993)  # γ_4 = 0.0379955, times 3
    assert (fdr.tests, fdr.discoveries) == (3, 2)


def test_thresholds_without_discoveries_add_up_to_alpha() -> None:
    # Σ 6/(π n)² = 1.
    total = sum(6 / (math.pi * n) ** 2 for n in range(1, 100_000))
    assert total == pytest.approx(1.0, abs=1e-4)
    fdr = OnlineFdr(0.05, tests=99)
    assert _threshold_holds(fdr, 0.05 * 6 / (math.pi * 100) ** 2)


def test_state_goes_on_after_a_restart() -> None:
    log_ps = [math.log(p) for p in (0.01, 0.5, 1e-4, 0.004, 0.3, 1e-6)]
    whole = OnlineFdr(0.05)
    found = [whole.discover(p) for p in log_ps]
    first = OnlineFdr(0.05)
    before = [first.discover(p) for p in log_ps[:3]]
    second = OnlineFdr(0.05, first.tests, first.discoveries)
    assert before + [second.discover(p) for p in log_ps[3:]] == found
    assert (second.tests, second.discoveries) == (6, whole.discoveries)


def test_under_a_null_discoveries_stay_few() -> None:
    # The chance of any is at most α = 0.05 a run: of 200 runs some 10, over 22 with p < 2e-4.
    rng = np.random.default_rng(2)
    runs = 0
    for _ in range(200):
        fdr = OnlineFdr(0.05)
        runs += any(fdr.discover(math.log(p)) for p in rng.random(100).tolist())
    assert runs <= 22


def test_true_ones_among_many_nulls_are_found_with_few_false_ones() -> None:
    rng = np.random.default_rng(3)
    fdr = OnlineFdr(0.05)
    true = false = 0
    for n in range(1000):
        planted = n % 10 == 0
        found = fdr.discover(-40.0 if planted else math.log(rng.random()))
        true += found and planted
        false += found and not planted
    assert true == 100
    assert false <= 10
