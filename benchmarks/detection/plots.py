"""Recall against cover share and against prompts an account, as SVG. Needs matplotlib."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.curves import draw as svg
from benchmarks.detection.grid import Cell

Row = Mapping[str, Any]


def draw(grid: Sequence[Row], folder: Path) -> list[Path]:
    """Draw both plots from the rows of a grid; return the files."""
    cover, prompts = folder / "recall-by-cover.svg", folder / "recall-by-prompts.svg"
    by_cover = {f"{k:g}": v for k, v in curves(grid, "cover", "prompts").items()}
    by_prompts = {f"{k:.0%}": v for k, v in curves(grid, "prompts", "cover").items()}
    limits, recall = (-0.03, 1.03), "Account recall"
    svg(by_cover, cover, "Share of cover", recall, legend="prompts an account", limits=limits)
    svg(by_prompts, prompts, "Prompts an account", recall, legend="cover", log=True, limits=limits)
    return [cover, prompts]


def curves(grid: Iterable[Row], along: str, by: str) -> dict[float, list[tuple[float, float]]]:
    """Return account recall `along` one factor for each value of another, mean over seeds.

    Only cells that are as the default in everything else; a curve has two points or more.
    """
    default = asdict(Cell())
    others = default.keys() - {along, by}
    found: dict[float, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in grid:
        if all(row[name] == default[name] for name in others):
            found[row[by]][row[along]].append(row["recall"])
    return {
        value: [(x, sum(y) / len(y)) for x, y in sorted(points.items())]
        for value, points in sorted(found.items())
        if len(points) > 1
    }
