"""Curves as SVG. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def draw(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    path: Path,
    axis: str,
    value: str,
    *,
    legend: str = "",
    log: bool = False,
    limits: tuple[float, float] | None = None,
) -> None:
    """Draw named curves of (x, y) into a file; `log`: the x axis is logarithmic."""
    # An extra that only this needs.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.use("svg")
    # The same figures make the same file.
    mpl.rcParams["svg.hashsalt"] = "simsvc"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    if log:
        axes.set_xscale("log")
        ticks = sorted({x for points in lines.values() for x, _ in points})
        axes.set_xticks(ticks, [f"{x:g}" if x < 10_000 else f"{x / 1000:g}k" for x in ticks])
        axes.minorticks_off()
    axes.set(xlabel=axis, ylabel=value, ylim=limits or (0, None))
    axes.grid(alpha=0.3)
    if lines:
        # Beside the curves, none of which it may cover.
        figure.legend(title=legend or None, loc="outside upper center", ncols=2)
    figure.savefig(path, metadata={"Date": None})
