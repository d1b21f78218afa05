"""Recall against cover share and against prompts an account, as SVG. Needs matplotlib."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.detection.grid import Cell

Row = Mapping[str, Any]


def draw(grid: Sequence[Row], folder: Path) -> list[Path]:
    """Draw both plots from the rows of a grid; return the files."""
    # An extra that only this needs.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    # The same figures make the same file.
    mpl.rcParams["svg.hashsalt"] = "simsvc"
    folder.mkdir(parents=True, exist_ok=True)
    cover, prompts = folder / "recall-by-cover.svg", folder / "recall-by-prompts.svg"
    _plot(
        curves(grid, "cover", "prompts"), cover, "Share of cover", "prompts an account", log=False
    )
    _plot(
        curves(grid, "prompts", "cover"), prompts, "Prompts an account",
        "cover", log=True, named=lambda value: f"{value:.0%}",
    )  # fmt: skip
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


def _plot(
    lines: Mapping[float, Sequence[tuple[float, float]]],
    path: Path,
    axis: str,
    legend: str,
    *,
    log: bool,
    named: Callable[[float], str] = "{:g}".format,
) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for value, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=named(value))
    if log:
        axes.set_xscale("log")
        ticks = sorted({x for points in lines.values() for x, _ in points})
        axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
        axes.minorticks_off()
    axes.set(xlabel=axis, ylabel="Account recall", ylim=(-0.03, 1.03))
    axes.grid(alpha=0.3)
    if lines:
        axes.legend(title=legend)
    figure.savefig(path, metadata={"Date": None})
