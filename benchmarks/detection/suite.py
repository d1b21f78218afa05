"""All that is measured, in order, each result kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.detection.ablation import ABLATIONS, ablation_row, run_ablation
from benchmarks.detection.baselines import run_baselines, summary_row
from benchmarks.detection.grid import cells, run_cell
from benchmarks.detection.kept import Kept
from benchmarks.detection.runner import Events, detect, events_of, traffic_of
from benchmarks.detection.score import LEVELS, rates, score
from benchmarks.worlds.campaigns import CampaignPlan
from benchmarks.worlds.confounders import CONFOUNDERS
from benchmarks.worlds.plans import five_campaigns, make_world
from benchmarks.worlds.sources import Sources

Row = dict[str, Any]
# The main world as it is planned, and with every campaign behind this share of cover.
VARIANTS: dict[str, float | None] = {"main": None, "cover 80%": 0.8}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; `plans` and `confounders` by name, () for all of them."""

    seeds: int = 1
    grid: str = "small"
    ablation: bool = True
    accounts: int = 1200
    plans: Sequence[str] = ()
    confounders: Sequence[str] = ()


@dataclass
class Suite:
    """Measures one half. Worlds are made when a result of theirs is not kept yet."""

    sources: Sources
    cache_dir: Path
    kept: Kept
    size: Size
    _held: dict[tuple[str, int], Events] = field(default_factory=dict)

    def measure(self) -> Row:
        """Return every result; those for which the time was up are in `left_out`."""
        seeds = range(1, self.size.seeds + 1)
        worlds = self._each(
            (f"{variant}, seed {seed}", partial(self._world, variant, seed))
            for variant in VARIANTS
            for seed in seeds
        )
        baselines = self._each(
            (f"baselines, {variant}, seed 1", partial(self._baselines, variant))
            for variant in VARIANTS
        )
        names = ABLATIONS if self.size.ablation else ()
        ablation = self._each(
            (f"without {name}, seed 1", partial(self._ablation, name)) for name in names
        )
        self._held.clear()
        grid = self._each(
            (f"{cell}, seed {seed}", partial(run_cell, cell, self.sources, seed, self.cache_dir))
            for seed in seeds
            for cell in cells(self.size.grid)
        )
        parts = {"worlds": worlds, "baselines": baselines, "ablation": ablation, "grid": grid}
        return {name: [row for row in rows if row is not None] for name, rows in parts.items()} | {
            "false_alarms": pooled([w for w in worlds if w is not None]),
            "left_out": sum(row is None for rows in parts.values() for row in rows),
        }

    def _each(self, jobs: Iterable[tuple[str, Callable[[], Row]]]) -> list[Row | None]:
        where = f"{self.sources.half}, {self.size.accounts} accounts"
        where += f", {self._plans()}, {self._confounders()}"
        return [self.kept.get(f"{where}, {name}", make) for name, make in jobs]

    def _plans(self) -> Sequence[str]:
        return self.size.plans or [p.name for p in five_campaigns(self.sources)]

    def _confounders(self) -> Sequence[str]:
        return self.size.confounders or tuple(CONFOUNDERS)

    def _events(self, variant: str, seed: int) -> Events:
        if (variant, seed) not in self._held:
            self._held.clear()
            self._held[variant, seed] = events_of(
                make_world(
                    self.sources, self._campaigns(VARIANTS[variant]), seed, self.size.accounts,
                    self._confounders(),
                )
            )  # fmt: skip
        return self._held[variant, seed]

    def _campaigns(self, cover: float | None) -> list[CampaignPlan]:
        chosen = [p for p in five_campaigns(self.sources) if p.name in self._plans()]
        return chosen if cover is None else [replace(p, cover=cover) for p in chosen]

    def _world(self, variant: str, seed: int) -> Row:
        events = self._events(variant, seed)
        report = detect(events, self.cache_dir)
        return score(report, events.truth) | {
            "variant": variant,
            "seed": seed,
            "seconds": report["seconds"],
            "refused_events": events.refused,
            "detector": summary_row("This detector", report, events.truth),
            "unablated": ablation_row("everything", report, events),
        }

    def _baselines(self, variant: str) -> Row:
        events = self._events(variant, 1)
        rows = run_baselines(traffic_of(events, self.cache_dir), events.truth)
        return {"variant": variant, "rows": rows}

    def _ablation(self, name: str) -> Row:
        return run_ablation(name, self._events("main", 1), self.cache_dir)


def pooled(worlds: Sequence[Row]) -> list[Row]:
    """Add up false alarms over the seeds of each variant, with bounds for the sum.

    Variants are not added to each other: those of one seed have the same innocent accounts.
    """
    rows = []
    for variant in dict.fromkeys(w["variant"] for w in worlds):
        mine = [w for w in worlds if w["variant"] == variant]
        for place, level in enumerate(LEVELS):
            alarms = [w["false_alarms"][place] for w in mine]
            sums = {
                key: sum(a[key] for a in alarms)
                for key in ("false_campaigns", "implicated", "benign_prompts")
            }
            rows.append({"variant": variant, "seeds": len(mine)} | rates(
                level, sums["false_campaigns"], sums["implicated"], sums["benign_prompts"]
            ))  # fmt: skip
    return rows
