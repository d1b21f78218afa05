"""Insert + search of the index beside FAISS, hnswlib and usearch, on embeddings of real prompts.

As the service does it: batches of 64 are searched (k = 32), then added. Each index holds the same
base; recall@10 is measured against exact search at the end.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Protocol

import faiss
import numpy as np
import numpy.typing as npt
import typer
from threadpoolctl import threadpool_limits

from benchmarks.machine import machine
from benchmarks.tables import on, table
from benchmarks.vectors import Vectors, grown, real_vectors
from simsvc.index.segmented import SegmentedIndex, SegmentRule
from simsvc.index.snapshot import SnapshotStore
from simsvc.ports.index import ROW_DTYPE
from simsvc.settings import Settings
from simsvc.threads import Threads, cores

BATCH, K, RECALL_K = 64, 32, 10
_QUERIES = 500
_DAY = 86_400_000_000
Ids = npt.NDArray[np.int64]


class Peer(Protocol):
    """An index under measurement; ids are the order of adding."""

    def add(self, vectors: Vectors) -> None:
        """Add vectors (n, d)."""
        ...

    def search(self, queries: Vectors, k: int) -> Ids:
        """Return the ids (n, k) of the nearest."""
        ...


class Ours:
    """The service's index with its default settings, all traffic in one day."""

    def __init__(self, dimension: int, folder: Path) -> None:
        settings = Settings()
        rule = SegmentRule(
            _DAY, settings.segment_prompts, settings.ann_prompts, settings.recall,
            settings.segment_merge, settings.segment_largest, threads=cores(),
        )  # fmt: skip
        # As in the service.
        threadpool_limits(1, "blas")
        faiss.omp_set_num_threads(1)
        self._pools = Threads.start(1)
        store = SnapshotStore(folder, "bench")
        self._index = SegmentedIndex(
            dimension, rule, store, self._pools.sealing, self._pools.helpers
        )
        self._next = 1

    def add(self, vectors: Vectors) -> None:
        """See `Peer.add`."""
        rows = np.zeros(len(vectors), ROW_DTYPE)
        rows["seq"] = np.arange(self._next, self._next + len(vectors))
        self._next += len(vectors)
        self._index.add(rows, vectors)

    def search(self, queries: Vectors, k: int) -> Ids:
        """See `Peer.search`."""
        found: Ids = self._index.nearest(queries, k).rows["seq"] - 1
        return found

    def settle(self) -> None:
        """Wait for the background."""
        self._index.finish_sealing()


class Faiss:
    """An index of FAISS by its factory string; trained on the first vectors that it is given."""

    def __init__(self, dimension: int, name: str, **parameters: int) -> None:
        self._index: Any = faiss.index_factory(dimension, name, faiss.METRIC_INNER_PRODUCT)
        self._parameters = parameters

    def add(self, vectors: Vectors) -> None:
        """See `Peer.add`."""
        if not self._index.is_trained:
            self._index.train(vectors[:100_000])
            for key, value in self._parameters.items():
                faiss.ParameterSpace().set_index_parameter(self._index, key, value)
        self._index.add(vectors)

    def search(self, queries: Vectors, k: int) -> Ids:
        """See `Peer.search`."""
        found: Ids = self._index.search(queries, k)[1]
        return found


class Hnswlib:
    """hnswlib, M 16."""

    def __init__(self, dimension: int, capacity: int, ef: int) -> None:
        import hnswlib  # noqa: PLC0415

        self._index = hnswlib.Index("ip", dimension)
        self._index.init_index(capacity, M=16, ef_construction=100)
        self._index.set_ef(ef)

    def add(self, vectors: Vectors) -> None:
        """See `Peer.add`."""
        self._index.add_items(vectors)

    def search(self, queries: Vectors, k: int) -> Ids:
        """See `Peer.search`."""
        found: Ids = self._index.knn_query(queries, k)[0].astype(np.int64)
        return found


class Usearch:
    """usearch in bf16."""

    def __init__(self, dimension: int, expansion: int) -> None:
        from usearch.index import Index  # noqa: PLC0415

        self._index = Index(ndim=dimension, metric="ip", dtype="bf16", expansion_search=expansion)

    def add(self, vectors: Vectors) -> None:
        """See `Peer.add`."""
        start = len(self._index)
        self._index.add(np.arange(start, start + len(vectors)), vectors)

    def search(self, queries: Vectors, k: int) -> Ids:
        """See `Peer.search`."""
        found: Ids = np.atleast_2d(self._index.search(queries, k).keys).astype(np.int64)
        return found


def main(
    data: Annotated[Path, typer.Option(help="Folder with the prompt sets.")],
    base: Annotated[int, typer.Option(help="Vectors held before measuring.")] = 100_000,
    measured: Annotated[int, typer.Option(help="Vectors searched and added.")] = 20_000,
    only: Annotated[list[str] | None, typer.Option(help="Only these.")] = None,
    quick: Annotated[bool, typer.Option(help="A tenth of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure each index in turn, on the same vectors."""
    base, measured = (base // 10, measured // 10) if quick else (base, measured)
    real = real_vectors(data, base + measured)
    vectors = grown(real, base + measured)
    chosen = np.random.default_rng(7).permutation(len(vectors))
    vectors = np.ascontiguousarray(vectors[chosen])
    queries = vectors[-_QUERIES:]
    exact = faiss.knn(queries, vectors, RECALL_K, metric=faiss.METRIC_INNER_PRODUCT)[0][:, -1]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in _peers(vectors.shape[1], len(vectors), Path(folder)).items():
            if not only or name in only:
                rows.append({"index": name} | _measure(make(), vectors, base, queries, exact))
                typer.echo(str(rows[-1]), err=True)
    result = {
        "machine": machine(), "base": base, "measured": measured, "real": len(real), "rows": rows,
    }  # fmt: skip
    print(json.dumps(result) if as_json else _table(result))


def _peers(dimension: int, capacity: int, folder: Path) -> dict[str, Callable[[], Peer]]:
    lists = int(4 * np.sqrt(capacity))
    return {
        f"FAISS IVF{lists},SQ8 nprobe 64": lambda: Faiss(dimension, f"IVF{lists},SQ8", nprobe=64),
        "FAISS flat": lambda: Faiss(dimension, "Flat"),
        "hnswlib M16 ef 64": lambda: Hnswlib(dimension, capacity, 64),
        "usearch bf16 ef 64": lambda: Usearch(dimension, 64),
        # Last: it gives each thread one core, where the others take all.
        "simsvc": lambda: Ours(dimension, folder / "ours"),
    }


def _measure(
    peer: Peer, vectors: Vectors, base: int, queries: Vectors, exact: Vectors
) -> dict[str, float]:
    started = time.perf_counter()
    for start in range(0, base, 8192):
        peer.add(vectors[start : min(start + 8192, base)] if base else vectors[:0])
    if isinstance(peer, Ours):
        peer.settle()
    built = time.perf_counter() - started
    started = time.perf_counter()
    for start in range(base, len(vectors), BATCH):
        part = vectors[start : start + BATCH]
        peer.search(part, K)
        peer.add(part)
    taken = time.perf_counter() - started
    if isinstance(peer, Ours):
        peer.settle()
    found = peer.search(queries, K)
    scores = np.einsum("nkd,nd->nk", vectors[found.clip(0)], queries)
    scores[found < 0] = -np.inf
    near = (scores >= exact[:, None] - 1e-3).sum(axis=1).clip(0, RECALL_K)
    return {
        "built_s": round(built, 1),
        "insert_search_per_s": round((len(vectors) - base) / taken, 1),
        "recall_at_10": round(float(near.mean()) / RECALL_K, 4),
    }


def _table(result: dict[str, Any]) -> str:
    said = (
        f"{result['base']:,} vectors, {result['measured']:,} searched and added; "
        f"{result['real']:,} of real prompts. {on(result['machine'])}"
    )
    return f"{said}\n\n{table(result['rows'])}"


if __name__ == "__main__":
    typer.run(main)
