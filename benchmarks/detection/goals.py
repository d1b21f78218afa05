"""The goals that were set for the detector, each with what was measured and whether it is met."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
_RECALL, _RECALL_COVERED, _PRECISION = 0.9, 0.7, 0.95
_PER_MILLION = 10.0
_QUARTER = 0.25


def goals(result: Row) -> list[dict[str, Any]]:
    """Return a row a goal; an unfound campaign has recall 0 and was sent whole before a report.

    What was not measured is not met. A rate is met as a point: its bounds say how far it is proven.
    """
    main = [w for w in result["worlds"] if w["variant"] == "main"]
    covered = [w for w in result["worlds"] if w["variant"] != "main"]
    alarms = sorted(
        {c["kind"] for w in result["worlds"] for c in w["confounders"] if c["alarm"]} - {"organic"}
    )
    medium = _medium(result)
    high = sum(w["false_alarms"][2]["false_campaigns"] for w in result["worlds"])
    high += sum(cell["false_high"] for cell in result["grid"])
    sent = max((_sent(c) for c in _campaigns(main)), default=1.0)
    return [
        _accounts("main world", _RECALL, main),
        _accounts("80% cover", _RECALL_COVERED, covered),
        _goal(
            "No confounder at medium or high",
            ", ".join(alarms) or "none",
            bool(main) and not alarms,
        ),
        _goal(
            f"At most {_PER_MILLION:.0f} false campaigns a million benign prompts at medium",
            "{rate:.0f} (95% bounds {low:.0f}–{high:.0f})".format(**medium),
            bool(main) and medium["rate"] <= _PER_MILLION,
        ),
        _goal(
            "No false campaign at high in the whole benchmark", str(high), bool(main) and not high
        ),
        _goal(
            "First report before a quarter of a campaign's prompts, main world",
            f"latest at {100 * sent:.0f}%",
            sent < _QUARTER,
        ),
    ]


def _medium(result: Row) -> Mapping[str, float]:
    """Return false campaigns of the main world at medium or high, a million benign prompts."""
    for alarms in result["false_alarms"]:
        if (alarms["variant"], alarms["level"]) == ("main", "medium"):
            rate: Mapping[str, float] = alarms["campaigns_per_million"]
            return rate
    return {"rate": 0.0, "low": 0.0, "high": math.inf}


def _accounts(where: str, recall: float, worlds: Iterable[Row]) -> dict[str, Any]:
    rows = _campaigns(worlds)
    least = min((r["recall"] for r in rows), default=0.0)
    precise = min((r["precision"] for r in rows), default=0.0)
    met = [r["recall"] >= recall and r["precision"] >= _PRECISION for r in rows]
    return _goal(
        f"Every campaign at recall ≥ {recall:g} and precision ≥ {_PRECISION:g}, {where}",
        f"{sum(met)} of {len(met)}; least recall {least:.2f}, least precision {precise:.2f}",
        bool(met) and all(met),
    )


def _campaigns(worlds: Iterable[Row]) -> list[Row]:
    return [campaign for world in worlds for campaign in world["campaigns"]]


def _sent(campaign: Row) -> float:
    return 1.0 if campaign["sent_share"] is None else float(campaign["sent_share"])


def _goal(goal: str, measured: str, met: bool) -> dict[str, Any]:
    return {"goal": goal, "measured": measured, "met": met}
