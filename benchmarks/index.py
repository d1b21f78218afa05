"""Insert + search of the index beside FAISS, hnswlib and usearch, on embeddings of real prompts.

As the service does it: batches of 64 are searched (k = 32), then added. Each index grows to the
same sizes in a process of its own; recall@10 is measured against exact search at the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import faiss
import numpy as np
import numpy.typing as npt
import psutil
import typer

from benchmarks.curves import draw
from benchmarks.machine import machine
from benchmarks.peers import Ours, Peer, peers
from benchmarks.tables import on, table
from benchmarks.vectors import Grown, Vectors, real_vectors

BATCH, K, RECALL_K = 64, 32, 10
_QUERIES = 500
_PARTS = (0.1, 0.3, 1.0)
_SAME_SCORE = 1e-3
_VECTORS, _EXACT = "vectors.npy", "exact.npy"
_AT_ONCE = 100_000
Halves = npt.NDArray[np.float16]


def main(
    data: Annotated[Path | None, typer.Option(help="Folder with the prompt sets.")] = None,
    base: Annotated[int, typer.Option(help="Vectors held before measuring last.")] = 270_000,
    measured: Annotated[int, typer.Option(help="Vectors searched and added, at each size.")] = 3200,
    only: Annotated[list[str] | None, typer.Option(help="Only names that begin so.")] = None,
    quick: Annotated[bool, typer.Option(help="A tenth of it.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this SVG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    way: Annotated[str, typer.Option(hidden=True)] = "",
    folder: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure each index in turn, on the same vectors, at a tenth, three tenths and all of them."""
    base, measured = (base // 10, measured // 10) if quick else (base, measured)
    if way and folder:
        print(json.dumps(_measure(way, folder, base, measured)))
        return
    if data is None:
        raise typer.BadParameter("it takes the prompt sets: --data DIR")
    with tempfile.TemporaryDirectory(prefix="simsvc-index-") as made:
        real = _prepare(data, base + measured, Path(made))
        names = peers(1, base + measured, Path(made))
        rows = [
            _in_a_process(name, Path(made), base, measured)
            for name in names
            if not only or any(name.startswith(o) for o in only)
        ]
    held = machine()
    if plot:
        sizes = [int(part * base) for part in _PARTS]
        lines = {r["index"]: [(n, 1000 / r[_rate_at(n)]) for n in sizes] for r in rows}
        # A scan of everything would leave the others no room.
        shown = {name: line for name, line in lines.items() if "flat" not in name}
        draw(shown, plot, "vectors held", "insert + search, ms", log=True)
    result = {"machine": held, "base": base, "measured": measured, "real": real, "rows": rows}
    rest = ", the rest mixtures of those" if real < base else ""
    said = f"{base:,} vectors, {real:,} of them of real prompts{rest}. {on(held)}"
    print(json.dumps(result) if as_json else f"{said}\n\n{table(rows)}")


def _prepare(data: Path, count: int, folder: Path) -> int:
    """Write vectors and each query's last true score; return how many of them are real."""
    real = real_vectors(data, count)
    grown = Grown(real, count)
    # Halves, as the service stores them.
    shape = (count, real.shape[1])
    kept = np.lib.format.open_memmap(folder / _VECTORS, "w+", np.float16, shape)
    order = np.random.default_rng(7).permutation(count)
    for start in range(0, count, _AT_ONCE):
        kept[start : start + _AT_ONCE] = grown.at(order[start : start + _AT_ONCE])
    np.save(folder / _EXACT, _exact(kept))
    return min(len(real), count)


def _exact(vectors: Halves) -> Vectors:
    """Return the score of the last true neighbour of each query, which are the last vectors."""
    queries = vectors[-_QUERIES:].astype(np.float32)
    # The query itself is found too, and left out.
    best = np.full((_QUERIES, RECALL_K + 1), -np.inf, np.float32)
    for start in range(0, len(vectors), _AT_ONCE):
        part = vectors[start : start + _AT_ONCE].astype(np.float32)
        scores, _ = faiss.knn(queries, part, RECALL_K + 1, metric=faiss.METRIC_INNER_PRODUCT)
        best = -np.sort(-np.concatenate([best, scores], axis=1))[:, : RECALL_K + 1]
    return best[:, -1]


def _in_a_process(way: str, folder: Path, base: int, measured: int) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.index", "--way", way]
    command += ["--folder", str(folder), "--base", str(base), "--measured", str(measured)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    typer.echo(str(row), err=True)
    return row


def _measure(name: str, folder: Path, base: int, measured: int) -> dict[str, Any]:
    vectors = np.load(folder / _VECTORS, mmap_mode="r")
    before = _own_memory()
    peer = peers(vectors.shape[1], len(vectors), folder)[name]()
    row: dict[str, Any] = {"index": name}
    held, building = 0, 0.0
    for part in _PARTS:
        size = int(part * base)
        started = time.perf_counter()
        for start in range(held, size, 8192):
            peer.add(vectors[start : min(start + 8192, size)].astype(np.float32))
        _settle(peer)
        building += time.perf_counter() - started
        row[_rate_at(size)] = _rate(peer, vectors[size : size + measured])
        held = size + measured
    _settle(peer)
    row["bytes_a_vector"] = round((_own_memory() - before) / held)
    row["recall_at_10"] = _recall(peer, vectors, folder)
    row["built_s"] = round(building, 1)
    return row


def _rate_at(size: int) -> str:
    return f"per_s_at_{size}"


def _rate(peer: Peer, vectors: Halves) -> float:
    started = time.perf_counter()
    for start in range(0, len(vectors), BATCH):
        part = vectors[start : start + BATCH].astype(np.float32)
        peer.search(part, K)
        peer.add(part)
    return round(len(vectors) / (time.perf_counter() - started), 1)


def _settle(peer: Peer) -> None:
    if isinstance(peer, Ours):
        peer.settle()


def _own_memory() -> int:
    """Return bytes resident, without files mapped, which the system may drop."""
    used = psutil.Process().memory_info()
    return int(used.rss - used.shared)


def _recall(peer: Peer, vectors: Halves, folder: Path) -> float:
    queries = vectors[-_QUERIES:].astype(np.float32)
    found = peer.search(queries, K)[:, : RECALL_K + 1]
    near = vectors[found.clip(0)].astype(np.float32)
    scores = np.einsum("nkd,nd->nk", near, queries)
    scores[found < 0] = -np.inf
    right = (scores >= np.load(folder / _EXACT)[:, None] - _SAME_SCORE).sum(axis=1)
    return round(float((right.clip(1, RECALL_K + 1) - 1).mean()) / RECALL_K, 4)


if __name__ == "__main__":
    typer.run(main)
