"""The score of the detection benchmark, on cases computed by hand."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.detection.alone import read_scores
from benchmarks.detection.baselines import as_report
from benchmarks.detection.goals import goals
from benchmarks.detection.grid import Cell, cells, factor_of
from benchmarks.detection.plots import curves
from benchmarks.detection.score import (
    Truth,
    confounders,
    false_alarms,
    overlap,
    per_million,
    poisson_bounds,
    score,
    truth_of,
)
from benchmarks.detection.suite import pooled
from benchmarks.worlds.events import Item, Sent, World

_START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()


def _truth() -> Truth:
    """Ten members of "math", four of "hop", six users, five in a class; 1000 prompts in all."""
    math_accounts = {f"math-{i}" for i in range(10)}
    hop_accounts = {f"hop-{i}" for i in range(4)}
    kinds = dict.fromkeys(math_accounts | hop_accounts, "campaign")
    kinds |= {f"user-{i}": "organic" for i in range(6)}
    kinds |= {f"pupil-{i}": "homework_class" for i in range(5)}
    sent = {"math": [_START + 3600.0 * i for i in range(20)], "hop": [_START]}
    prompts = {"campaign": 300, "organic": 600, "homework_class": 100}
    return Truth(kinds, {"math": math_accounts, "hop": hop_accounts}, sent, prompts)


def _campaign(accounts, confidence="high", reported="2026-03-02T04:30:00Z", tactics=("partition",)):
    return {
        "accounts": list(accounts),
        "confidence": confidence,
        "first_reported_at": reported,
        "tactics": list(tactics),
    }


def _math(count):
    return [f"math-{i}" for i in range(count)]


def test_a_found_campaign_has_recall_precision_and_delay():
    report = {"campaigns": [_campaign([*_math(8), "user-0", "user-1"])]}
    row = score(report, _truth())["campaigns"][0]
    assert row["found"]
    # 8 in both, 12 in either.
    assert row["jaccard"] == pytest.approx(8 / 12)
    assert row["recall"] == pytest.approx(0.8)
    assert row["precision"] == pytest.approx(0.8)
    assert row["confidence"] == "high"
    assert row["tactics"] == ["partition"]
    # Of a prompt an hour, those of hours 0 to 4 were sent by half past four.
    assert row["sent_share"] == pytest.approx(5 / 20)
    assert row["hours"] == pytest.approx(4.5)


def test_a_jaccard_index_of_a_half_is_a_match_and_less_is_not():
    half = score({"campaigns": [_campaign(_math(5))]}, _truth())
    assert half["campaigns"][0]["found"]
    assert half["fragments"] == 0
    less = score({"campaigns": [_campaign(_math(4))]}, _truth())
    row = less["campaigns"][0]
    assert not row["found"]
    assert row["recall"] == 0.0
    assert row["nearest_recall"] == pytest.approx(0.4)
    assert row["confidence"] == ""
    assert row["sent_share"] is None
    assert less["fragments"] == 1
    assert less["false_alarms"][0]["false_campaigns"] == 0


def test_the_nearest_of_several_reported_campaigns_counts():
    report = {"campaigns": [_campaign(_math(6), "low"), _campaign(_math(9), "medium")]}
    row = score(report, _truth())["campaigns"][0]
    assert row["recall"] == pytest.approx(0.9)
    assert row["confidence"] == "medium"


def test_nothing_reported_is_nothing_found():
    held = score({"campaigns": []}, _truth())
    assert held["found"] == 0
    assert held["benign_prompts"] == 700
    assert [a["implicated"] for a in held["false_alarms"]] == [0, 0, 0]


def test_a_campaign_with_under_half_planted_accounts_is_false():
    two_of_five = _campaign(["math-0", "math-1", "user-0", "user-1", "pupil-0"], "medium")
    held = score({"campaigns": [two_of_five]}, _truth())
    assert [a["false_campaigns"] for a in held["false_alarms"]] == [1, 1, 0]


def test_false_alarms_count_levels_and_kinds():
    found = [
        _campaign(["user-0", "user-1"], "low"),
        _campaign(["user-1", "pupil-0"], "medium"),
        _campaign([*_math(10), "pupil-1"], "high"),
    ]
    low, medium, high = (
        false_alarms(found, _truth(), level) for level in ("low", "medium", "high")
    )
    assert [a["false_campaigns"] for a in (low, medium, high)] == [2, 1, 0]
    assert low["implicated_by_kind"] == {"homework_class": 2, "organic": 2}
    assert medium["implicated_by_kind"] == {"homework_class": 2, "organic": 1}
    assert high["implicated_by_kind"] == {"homework_class": 1}
    assert medium["campaigns_per_million"]["rate"] == pytest.approx(1e6 / 700)


def test_confounders_have_a_row_each():
    found = [
        _campaign(["pupil-0", "pupil-1", "user-0", "user-1"], "medium"),
        _campaign([*_math(10), "pupil-2"], "high"),
        _campaign(["pupil-3"], "low"),
    ]
    rows = {row["kind"]: row for row in confounders(found, _truth())}
    assert set(rows) == {"organic", "homework_class"}
    pupils = rows["homework_class"]
    # Half of its accounts are enough; the planted campaign is not of pupils.
    assert pupils["alarm"] == "medium"
    assert rows["organic"]["alarm"] == "medium"
    assert (pupils["accounts"], pupils["prompts"]) == (5, 100)
    assert pupils["implicated_low"] == 4
    assert pupils["implicated_medium"] == 3
    assert pupils["implicated_high"] == 1
    quiet = confounders([_campaign(["pupil-3"], "low")], _truth())
    assert [row["alarm"] for row in quiet] == ["", ""]


def test_poisson_bounds_are_exact():
    # No event: upper bound −ln 0.025. One: −ln 0.975 below; the tables have 5.5716 above.
    low, high = poisson_bounds(0)
    assert (low, high) == (0.0, pytest.approx(-math.log(0.025)))
    low, high = poisson_bounds(1)
    assert (low, high) == (pytest.approx(-math.log(0.975)), pytest.approx(5.5716, abs=1e-4))
    low, high = poisson_bounds(10)
    assert (low, high) == (pytest.approx(4.7954, abs=1e-4), pytest.approx(18.3904, abs=1e-4))


def test_rates_are_per_million_prompts():
    assert per_million(2, 40_000)["rate"] == pytest.approx(50.0)
    assert per_million(0, 40_000)["high"] == pytest.approx(-math.log(0.025) * 25)


def test_overlap_of_nothing_is_nothing():
    assert overlap([], []) == 0.0
    assert overlap(["a", "b"], ["b", "c"]) == pytest.approx(1 / 3)


def test_truth_of_a_world():
    world = World()
    world.add("organic", [Sent(5.0, "user-0", Item("hello"))])
    own = [Sent(9.0, "c-0", Item("b"), campaign="c"), Sent(7.0, "c-1", Item("a"), campaign="c")]
    world.add("campaign", [*own, Sent(1.0, "c-0", Item("cover"))])
    truth = truth_of(world, 100.0)
    assert truth.members == {"c": {"c-0", "c-1"}}
    assert truth.sent == {"c": [107.0, 109.0]}
    assert truth.prompts == {"organic": 1, "campaign": 3}
    assert truth.benign == 1


def test_groups_of_a_baseline_are_scored_like_a_report():
    held = score(as_report([set(_math(10))]), _truth())
    assert held["found"] == 1
    assert held["campaigns"][0]["precision"] == 1.0


def test_alarms_are_pooled_over_seeds_of_a_variant_only():
    one = score({"campaigns": [_campaign(["user-0"], "medium")]}, _truth())
    worlds = [one | {"variant": "main"}, one | {"variant": "main"}, one | {"variant": "other"}]
    rows = {(r["variant"], r["level"]): r for r in pooled(worlds)}
    assert rows["main", "medium"]["false_campaigns"] == 2
    assert rows["main", "medium"]["benign_prompts"] == 1400
    assert rows["other", "medium"]["false_campaigns"] == 1
    assert rows["main", "high"]["false_campaigns"] == 0


def test_scores_of_single_accounts_are_read_with_and_without_a_threshold():
    scores = np.array([0.1, 0.2, 0.3, 0.9, 0.25])
    seen = read_scores(scores, 0.28, {3, 4})
    assert seen["flagged"] == [2, 3]
    # Of six pairs guilty-innocent, 0.9 beats three and 0.25 two.
    assert seen["area"] == pytest.approx(5 / 6)
    assert seen["recall_at_1_percent"] == pytest.approx(0.5)


def test_the_grid_varies_one_factor_and_cover_with_prompts():
    small, full = cells("small"), cells("full")
    assert cells("none") == []
    assert len(small) == 1 + 3 + 4
    assert len(full) == 1 + 3 + 4 + 3 + 2 + 4 + 12
    assert factor_of(Cell()) == "default"
    assert factor_of(Cell(cover=0.8, prompts=60)) == "cover × prompts"


def test_curves_are_means_over_seeds_of_cells_like_the_default():
    def row(recall, **changes):
        cell = Cell(**changes)
        return {
            "tactic": cell.tactic, "cover": cell.cover, "accounts": cell.accounts,
            "prompts": cell.prompts, "routing": cell.routing, "recall": recall,
        }  # fmt: skip

    grid = [row(1.0), row(0.5), row(0.25, cover=0.8), row(0.0, accounts=10, cover=0.95)]
    assert curves(grid, "cover", "prompts") == {26: [(0.5, 0.75), (0.8, 0.25)]}


def test_goals_say_what_was_missed():
    def world(variant, accounts, reported):
        report = {"campaigns": [_campaign(accounts, reported=reported)]}
        return score(report, _truth()) | {"variant": variant}

    # "hop" is found nowhere; "math" by half past four, when a quarter of it was sent.
    worlds = [world("main", _math(10), "2026-03-02T04:30:00Z"), world("cover 80%", [], None)]
    result = {"worlds": worlds, "false_alarms": pooled(worlds), "grid": [{"false_high": 1}]}
    rows = goals(result)
    assert [row["met"] for row in rows] == [False, False, True, True, False, False]
    assert rows[0]["measured"] == "1 of 2; least recall 0.00, least precision 0.00"
    assert rows[5]["measured"] == "latest at 100%"


def test_what_was_not_measured_is_no_goal_met():
    rows = goals({"worlds": [], "false_alarms": [], "grid": []})
    assert not any(row["met"] for row in rows)
