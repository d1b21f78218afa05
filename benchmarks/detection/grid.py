"""Small worlds of one campaign each, varied one factor at a time around a default.

Each has the same 300 organic accounts and no confounders. The default: 50 accounts share out a
broad instruction set, 26 prompts each, half of them cover, at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from benchmarks.detection.runner import detect, events_of
from benchmarks.detection.score import score
from benchmarks.worlds.campaigns import CampaignPlan
from benchmarks.worlds.plans import make_world, plan_of
from benchmarks.worlds.sources import Sources

ORGANIC = 300
COVERS = (0.0, 0.5, 0.8, 0.95)
ACCOUNTS = (10, 50, 300)
PROMPTS = (6, 13, 26, 60, 280)
TACTICS = ("partition", "replay", "frame", "hop")
ROUTINGS = ("random", "round-robin", "sticky", "fill-first", "topical", "hop")
SIZES = ("none", "small", "full")
# A tactic's data set is that of the campaign of the main world that goes about it so.
_PLANS = {"partition": "broad", "replay": "replay", "frame": "frame", "hop": "hop"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A campaign of the grid. Routing "hop": real sessions, each turn under some account."""

    tactic: str = "partition"
    cover: float = 0.5
    accounts: int = 50
    prompts: int = 26
    routing: str = "random"


def cells(size: str) -> list[Cell]:
    """Return the cells of a grid, none twice.

    small: cover and prompts, one at a time. full: every factor, and cover × prompts together.
    """
    if size == "none":
        return []
    default = Cell()
    found = [default]
    found += [replace(default, cover=c) for c in COVERS]
    found += [replace(default, prompts=p) for p in PROMPTS]
    if size == "full":
        found += [replace(default, tactic=t) for t in TACTICS]
        found += [replace(default, accounts=a) for a in ACCOUNTS]
        found += [replace(default, routing=r) for r in ROUTINGS if r != "hop"]
        found += [replace(default, cover=c, prompts=p) for c in COVERS for p in PROMPTS]
    return list(dict.fromkeys(found))


def factor_of(cell: Cell) -> str:
    """Return in what a cell differs from the default, "default" if in nothing."""
    default = Cell()
    names = [f.name for f in fields(cell) if getattr(cell, f.name) != getattr(default, f.name)]
    return " × ".join(names) or "default"


def plan(cell: Cell, sources: Sources) -> CampaignPlan:
    """Return the campaign of a cell."""
    tactic = "hop" if cell.routing == "hop" else cell.tactic
    return plan_of(
        sources, _PLANS[tactic], name="grid", cover=cell.cover, accounts=cell.accounts,
        prompts=cell.prompts, routing="random" if cell.routing == "hop" else cell.routing,
    )  # fmt: skip


def run_cell(cell: Cell, sources: Sources, seed: int, cache_dir: Path) -> dict[str, Any]:
    """Return the row of a cell: the campaign as in `score`, and false campaigns beside it.

    `own_prompts` says how many prompts the campaign really sent: a set may hold fewer than planned.
    """
    world = make_world(sources, [plan(cell, sources)], seed, ORGANIC, ())
    events = events_of(world)
    held = score(detect(events, cache_dir), events.truth)
    [row] = held["campaigns"]
    medium = held["false_alarms"][1]
    return asdict(cell) | {
        "factor": factor_of(cell), "seed": seed, "benign_prompts": held["benign_prompts"],
        **{k: row[k] for k in _KEPT},
        "false_campaigns": medium["false_campaigns"],
        "false_high": held["false_alarms"][2]["false_campaigns"],
        "implicated": medium["implicated"],
    }  # fmt: skip


_KEPT: Sequence[str] = (
    "own_prompts", "found", "jaccard", "recall", "precision", "nearest_recall",
    "nearest_precision", "confidence", "tactics", "sent_share", "hours",
)  # fmt: skip
