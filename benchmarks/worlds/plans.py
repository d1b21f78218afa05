"""The worlds that are measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.worlds.campaigns import CampaignPlan, campaign
from benchmarks.worlds.confounders import CONFOUNDERS
from benchmarks.worlds.events import World
from benchmarks.worlds.organic import Organic
from benchmarks.worlds.sources import Sources

DAYS = 14.0
# Written for this benchmark; the two halves share no words that matter.
_FRAMES = {
    "calibration": [
        "As a senior tutor, work through the task below and justify every step you take.\n\n"
        "Task: {payload}\n\nClose with a line that starts with FINAL.",
        "As an experienced tutor, work through the task below and justify every step you take.\n\n"
        "Task: {payload}\n\nClose with one line that starts with FINAL.",
        "As a senior tutor, go through the task below and justify each step you take.\n\n"
        "Task: {payload}\n\nClose with a line that starts with FINAL.",
    ],
    "test": [
        "You are an expert data analyst. Reason aloud before you commit to an answer, then grade "
        "your own answer from 1 to 10.\n###\n{payload}\n###\n"
        "Return JSON with reasoning and answer.",
        "You are an expert data analyst. Reason aloud before committing to an answer, then grade "
        "your answer from 1 to 10.\n###\n{payload}\n###\nReturn JSON with reasoning and answer.",
        "You are a seasoned data analyst. Reason aloud before you commit to an answer, then rate "
        "your own answer from 1 to 10.\n###\n{payload}\n###\nReturn JSON: reasoning, answer.",
    ],
}
# Which sets the campaigns of each half are after.
_MATH = {"calibration": "zero_shot_cot_sets", "test": "gsm8k_train"}
_BROAD = {"calibration": "t0_p3", "test": "alpaca_en"}
_REPLAY = {"calibration": "mmlu", "test": "cot_collection"}
_FRAMED = {"calibration": "autoj_user_queries", "test": "codealpaca"}


def five_campaigns(sources: Sources) -> list[CampaignPlan]:
    """Return the campaigns of the main world."""
    half = sources.half
    math = sources.texts(_MATH[half])
    if half == "calibration":
        math = [
            line.text
            for line in sources.lines(_MATH[half])
            if line.group not in {"commonsenseqa", "strategyqa"}
        ]
    return [
        CampaignPlan("math", "partition", math, 60, 26, 0.5),
        CampaignPlan("broad", "partition", sources.texts(_BROAD[half]), 60, 26, 0.3),
        CampaignPlan("replay", "replay", sources.texts(_REPLAY[half]), 40, 26, 0.5, "round-robin"),
        CampaignPlan(
            "frame", "frame", sources.texts(_FRAMED[half]), 50, 26, 0.6, frames=_FRAMES[half]
        ),
        CampaignPlan("hop", "hop", (), 30, 26, 0.4),
    ]


def plan_of(sources: Sources, tactic: str, **changes: object) -> CampaignPlan:
    """Return one of the five by its name, changed."""
    [plan] = [p for p in five_campaigns(sources) if p.name == tactic]
    return replace(plan, **changes)  # type: ignore[arg-type]


def make_world(
    sources: Sources,
    campaigns: Sequence[CampaignPlan],
    seed: int,
    accounts: int = 1200,
    confounders: Sequence[str] = tuple(CONFOUNDERS),
) -> World:
    """Mix organic accounts, confounders and campaigns. The same seed makes the same world."""
    organic = Organic(sources, random.Random(seed), DAYS)
    world = World()
    for i in range(accounts):
        world.add("organic", organic.account(f"user-{i}", organic.volume(22)))
    for name in confounders:
        world.add(name, CONFOUNDERS[name](sources, organic))
    for plan in campaigns:
        world.add("campaign", campaign(plan, organic))
    return world
