"""All baselines on one world, read as the detector's report is."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from benchmarks.detection.alone import ALONE, read_scores
from benchmarks.detection.groups import BASELINES
from benchmarks.detection.runner import Traffic
from benchmarks.detection.score import Truth, score


def run_baselines(traffic: Traffic, truth: Truth) -> list[dict[str, Any]]:
    """Return a row for each baseline.

    `found`: campaigns of which a group is one (account Jaccard of 0.5 or more), None for detectors
    of single accounts, which make no groups. `recall`, `precision`: of all accounts in any group.
    `area` and `recall_at_1_percent`: of those detectors' scores, None for groups.
    """
    rows = []
    for name, find in BASELINES.items():
        began = time.perf_counter()
        groups = [_accounts(traffic, group) for group in find(traffic)]
        found = score(as_report(groups), truth)["found"]
        rows.append(_row(name, groups, truth, began) | {"found": found})
    planted = truth.planted
    guilty = {i for i, accounts in enumerate(traffic.actors) if accounts & planted}
    for name, method in ALONE.items():
        began = time.perf_counter()
        seen = read_scores(method.scores(traffic), method.threshold, guilty)
        row = _row(name, [_accounts(traffic, seen.pop("flagged"))], truth, began)
        rows.append(row | {"groups": None, "found": None} | seen)
    return rows


def as_report(groups: Iterable[Iterable[str]]) -> dict[str, Any]:
    """Return groups of accounts as a report; all at medium, for none of them says how sure."""
    return {"campaigns": [{"accounts": sorted(g), "confidence": "medium"} for g in groups]}


def summary_row(name: str, report: dict[str, Any], truth: Truth) -> dict[str, Any]:
    """Return the row of the detector itself, for campaigns at medium or high."""
    sure = [c for c in report["campaigns"] if c["confidence"] != "low"]
    row = _row(name, [set(c["accounts"]) for c in sure], truth, 0.0)
    found = score({"campaigns": sure}, truth)["found"]
    return row | {"found": found, "seconds": report.get("seconds")}


def _accounts(traffic: Traffic, group: Iterable[int]) -> set[str]:
    return {account for place in group for account in traffic.actors[place]}


def _row(name: str, groups: list[set[str]], truth: Truth, began: float) -> dict[str, Any]:
    named: set[str] = set().union(*groups)
    planted = truth.planted
    return {
        "name": name, "groups": len(groups), "campaigns": len(truth.members), "found": None,
        "recall": len(named & planted) / max(len(planted), 1),
        "precision": len(named & planted) / len(named) if named else None,
        "innocent": len(named - planted), "area": None, "recall_at_1_percent": None,
        "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip
