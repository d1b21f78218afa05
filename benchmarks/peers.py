"""Indexes side by side: the service's own, and others that could be in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.vectors import Vectors
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.index.snapshot import SnapshotStore
from simsvc.ports.index import ROW_DTYPE
from simsvc.settings import Settings
from simsvc.threads import Threads, cores

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
            dimension, rule, store, self._pools.sealing, self._pools.helpers, self._pools.merging
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


def peers(dimension: int, capacity: int, folder: Path) -> dict[str, Callable[[], Peer]]:
    """Return how each index is made; the service's own keeps its files in a folder."""
    lists = int(4 * np.sqrt(capacity))
    return {
        "simsvc": lambda: Ours(dimension, folder / "ours"),
        f"FAISS IVF{lists},SQ8 nprobe 64": lambda: Faiss(dimension, f"IVF{lists},SQ8", nprobe=64),
        "FAISS flat": lambda: Faiss(dimension, "Flat"),
        "hnswlib M16 ef 64": lambda: Hnswlib(dimension, capacity, 64),
        "usearch bf16 ef 64": lambda: Usearch(dimension, 64),
    }
