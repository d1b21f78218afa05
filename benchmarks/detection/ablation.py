"""The detector with one family of signals off at a time, or without one of its gates.

A family that is off brings no candidates and no evidence: its p-values are 1, groups that only it
led to are gone. A gate that is off lets everything through.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.detection.baselines import summary_row
from benchmarks.detection.runner import Events, detect
from benchmarks.detection.score import score
from simsvc.core import analysis
from simsvc.core.groups import Group, find_groups
from simsvc.domain.verdict import Measures, Thresholds, Verdict, judge
from simsvc.settings import Settings

_NEVER = 10**9


@dataclass(frozen=True, slots=True)
class Ablation:
    """`changes` to what was measured, `routes` that lead to no candidates, `settings` changed."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    routes: frozenset[str] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)


ABLATIONS: Mapping[str, Ablation] = {
    "S1 shared frame": Ablation({"log_p_frame": 0.0, "framed": 0.0}, frozenset({"frame"})),
    "S2, S4 lockstep and collisions": Ablation({"log_p_replay": 0.0}, frozenset({"lockstep"})),
    "S3 twins": Ablation({"log_p_cohesion": 0.0}, frozenset({"twins"})),
    "S5 schedule": Ablation(
        {"log_p_schedule": 0.0, "log_p_isolated": 0.0, "like_volumes": False, "successive": False}
    ),
    "S6 prefix migration": Ablation({"log_p_session": 0.0, "movers": 0.0}, frozenset({"session"})),
    "popularity of families": Ablation(settings={"detection_min_accounts": _NEVER}),
    "gate: division of labour": Ablation({"labour": math.inf}),
    "gate: exchangeability": Ablation({"exchangeability": 1.0}),
}


@contextmanager
def without(ablation: Ablation) -> Iterator[None]:
    """Let the detector do without something while the context lasts."""

    def judged(measures: Measures, thresholds: Thresholds) -> Verdict | None:
        return judge(replace(measures, **ablation.changes), thresholds)

    def found(*args: Any) -> list[Group]:
        return [group for group in find_groups(*args) if not group.routes <= ablation.routes]

    with patch.object(analysis, "judge", judged), patch.object(analysis, "find_groups", found):
        yield


def run_ablation(name: str, events: Events, cache_dir: Path) -> dict[str, Any]:
    """Return a row of what the detector finds without this (`summary_row`, at medium or high).

    `alarms` are the confounders that a campaign at medium or high is mostly of; `worst` is the
    least account recall of a planted campaign.
    """
    ablation = ABLATIONS[name]
    with without(ablation):
        report = detect(events, cache_dir, Settings().model_copy(update=dict(ablation.settings)))
    return ablation_row(f"without {name}", report, events)


def ablation_row(name: str, report: dict[str, Any], events: Events) -> dict[str, Any]:
    """Return the row of a report, be anything left out or not."""
    sure = [c for c in report["campaigns"] if c["confidence"] != "low"]
    held = score({"campaigns": sure}, events.truth)
    return summary_row(name, report, events.truth) | {
        "high": sum(row["confidence"] == "high" for row in held["campaigns"]),
        "worst": min((row["recall"] for row in held["campaigns"]), default=0.0),
        "false_campaigns": held["false_alarms"][1]["false_campaigns"],
        "alarms": [row["kind"] for row in held["confounders"] if row["alarm"]],
    }
