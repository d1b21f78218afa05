"""`python -m benchmarks.detection --data DIR`: the detector on traffic with known truth."""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.detection.goals import goals
from benchmarks.detection.grid import SIZES
from benchmarks.detection.kept import Kept, code_hash
from benchmarks.detection.plots import draw
from benchmarks.detection.suite import Size, Suite
from benchmarks.detection.tables import markdown
from benchmarks.machine import machine
from benchmarks.worlds.sources import HALVES, Sources

_CACHE = Path(tempfile.gettempdir()) / "simsvc-benchmark"
_PACKAGES = ("scikit-learn", "scipy", "networkx")


def main(
    data: Annotated[Path, typer.Option(help="Folder with the prompt sets.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not Markdown.")] = False,
    half: Annotated[str, typer.Option(help="Half of the sets: test or calibration.")] = "test",
    seeds: Annotated[int, typer.Option(min=1, help="Worlds of each kind.")] = 1,
    grid: Annotated[str, typer.Option(help="Grid: none, small or full.")] = "small",
    ablation: Annotated[bool, typer.Option(help="Leave out signals one by one.")] = True,
    plots: Annotated[Path | None, typer.Option(help="Folder for plots of the grid.")] = None,
    cache: Annotated[Path, typer.Option(help="Folder for embeddings and results.")] = _CACHE,
    minutes: Annotated[float, typer.Option(help="Begin nothing new after this.")] = 1e9,
    accounts: Annotated[int, typer.Option(help="Organic accounts, to try things out.")] = 1200,
    campaign: Annotated[list[str] | None, typer.Option(help="Only these campaigns.")] = None,
    confounder: Annotated[list[str] | None, typer.Option(help="Only these confounders.")] = None,
) -> None:
    """Measure the detector, baselines and ablations. Stopped, it goes on where it was."""
    if half not in HALVES or grid not in SIZES:
        raise typer.BadParameter(f"half is one of {HALVES}, grid one of {SIZES}")
    size = Size(seeds, grid, ablation, accounts, campaign or (), confounder or ())
    suite = Suite(Sources(data, half), cache, Kept(cache, data, minutes), size)
    result: dict[str, Any] = {
        "machine": machine() | {name: version(name) for name in _PACKAGES},
        "half": half,
        "code": code_hash(),
        **suite.measure(),
    }
    result["goals"] = goals(result)
    if plots:
        for path in draw(result["grid"], plots):
            typer.echo(f"wrote {path}", err=True)
    print(json.dumps(result, ensure_ascii=False, indent=1) if as_json else markdown(result))


if __name__ == "__main__":
    typer.run(main)
