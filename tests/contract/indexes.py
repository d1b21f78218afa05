"""How the index suites make indexes, and rows whose vectors follow from their seqs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from simsvc.index.flat import FlatIndex
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.index.snapshot import SnapshotStore
from simsvc.ports.index import ROW_DTYPE, IndexFilter, Rows, VectorIndex, Vectors

DIM = 32
BUCKET = 1000
NO_FILTER = IndexFilter()


@contextmanager
def one_core() -> Iterator[None]:
    """Let FAISS use one core a thread, as the service does: it is faster for few vectors."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


class Inline(Executor):
    """Runs everything at once, so that a test knows when sealing is over."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


@dataclass
class Later(Executor):
    """Runs nothing before it is told to: sealing is under way for as long as a test likes."""

    waiting: list[tuple[Future[Any], Callable[[], Any]]] = field(default_factory=list)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self) -> None:
        while self.waiting:
            future, work = self.waiting.pop(0)
            try:
                future.set_result(work())
            except Exception as error:  # noqa: BLE001 - as an executor does
                future.set_exception(error)


def segmented(
    folder: Path,
    rule: SegmentRule,
    sealer: Executor | None = None,
    dimension: int = DIM,
    generation: str = "gen-1",
    helpers: Executor | None = None,
    merger: Executor | None = None,
) -> SegmentedIndex:
    """Return an index over a folder; it seals at once unless told otherwise."""
    store = SnapshotStore(folder, generation)
    return SegmentedIndex(dimension, rule, store, sealer or Inline(), helpers, merger)


NEVER = 1_000_000
RULES = {
    "hot": SegmentRule(BUCKET, NEVER, NEVER, 1.0),
    "sealed flat": SegmentRule(BUCKET, 16, NEVER, 1.0),
    "sealed ann": SegmentRule(BUCKET, 64, 64, 1.0),
    # With 80 rows a bucket: one segment with an inverted file, one hot.
    "mixed": SegmentRule(BUCKET, 48, 40, 1.0),
    # Segments of 16 rows without, of 48 with an inverted file, of 144 at the most.
    "merged": SegmentRule(BUCKET, 16, 40, 1.0, fanout=3, largest=144),
}
KINDS = ("flat", *RULES)


def make_index(kind: str, folder: Path) -> VectorIndex:
    """Return an empty index of a kind."""
    return FlatIndex(DIM) if kind == "flat" else segmented(folder, RULES[kind])


def vector_of(seq: int, dimension: int = DIM) -> Vectors:
    """Return the unit vector, of fp16 values, that belongs to a seq."""
    drawn = np.random.default_rng(seq).standard_normal(dimension)
    unit = drawn / np.linalg.norm(drawn)
    return unit.astype(np.float16).astype(np.float32)


def vectors_of(seqs: Iterable[int], dimension: int = DIM) -> Vectors:
    rows = [vector_of(int(seq), dimension) for seq in seqs]
    return np.stack(rows) if rows else np.empty((0, dimension), np.float32)


def time_of(seq: int) -> int:
    """Return the time of a seq: five buckets in turn, so that each gets rows all the while."""
    return BUCKET * (seq % 5) + seq % BUCKET


def rows_of(seqs: Iterable[int]) -> Rows:
    """Return rows all of whose columns follow from the seq."""
    made = [(s, 1 + s % 7, s % 3, time_of(s), s // 2) for s in map(int, seqs)]
    return np.array(made, dtype=ROW_DTYPE)


def fill_index(index: VectorIndex, seqs: Sequence[int], batch: int = 10) -> None:
    """Add the rows of some seqs, and wait for the sealings that this brings."""
    for start in range(0, len(seqs), batch):
        part = seqs[start : start + batch]
        index.add(rows_of(part), vectors_of(part))
    if isinstance(index, SegmentedIndex):
        index.finish_sealing()
