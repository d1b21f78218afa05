"""The map: a sample of all traffic on its two main axes, and anything else laid over it."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.core.stage import Stage
from simsvc.ports.index import VectorIndex

Floats = npt.NDArray[np.float32]
MOST = 50_000
# Share of new prompts after which the axes are found anew.
_RENEWED = 0.05
_BATCH = 10_000
# Prompts that the axes are fitted to: of more, they hardly differ.
_FITTED = 10_000


@dataclass(frozen=True, slots=True)
class Projection:
    """Two axes through the mean of all traffic, and a sample of it on them.

    `axes` (d, 2), `mean` (d,), `points` (n, 2) of the prompts `seqs` (n,). `explained` is the share
    of the variance on the axes, `last` the newest seq when they were found.
    """

    generation: str
    last: int
    total: int
    mean: Floats
    axes: Floats
    explained: float
    seqs: npt.NDArray[np.int64]
    points: Floats

    def of(self, vectors: Floats) -> Floats:
        """Return where vectors (n, d) lie (n, 2)."""
        return np.asarray((vectors - self.mean) @ self.axes, np.float32)


class Projector:
    """Keeps the projection of the generation that answers. Any thread.

    Once enough is new it is found again beside the look-ups, on `threads`; until then the earlier
    one answers. Only the first look at a generation waits, and one at twice as much traffic.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._held: Projection | None = None
        self._renewing: Future[Projection] | None = None
        self._lock = threading.Lock()

    def of(self, stage: Stage) -> Projection:
        """Return the projection of a generation's traffic."""
        with self._lock:
            held, last = self._renewed(), stage.index.stats().last_seq
            if held is None or held.generation != stage.generation or last > 2 * held.last:
                self._renewing = None
                held = self._held = _found(stage.generation, stage.index)
            elif last > (1 + _RENEWED) * held.last and not self._renewing:
                self._renewing = self._threads.submit(_found, stage.generation, stage.index)
            return held

    def _renewed(self) -> Projection | None:
        if self._renewing and self._renewing.done():
            # First let go of: one that failed would fail every look from then on.
            done, self._renewing = self._renewing, None
            self._held = done.result()
        return self._held


def _found(generation: str, index: VectorIndex) -> Projection:
    stats = index.stats()
    wanted = np.unique(np.linspace(1, max(stats.last_seq, 1), MOST).astype(np.int64))
    seqs, parts = [], []
    for start in range(0, len(wanted), _BATCH):
        some = wanted[start : start + _BATCH]
        vectors = index.vectors(some.tolist())
        there = vectors.any(axis=1)  # Retention has taken the others.
        seqs.append(some[there])
        parts.append(vectors[there])
    vectors = np.concatenate(parts)
    mean, axes, explained = main_axes(vectors[:: -(-len(vectors) // _FITTED) or 1])
    points = np.asarray((vectors - mean) @ axes, np.float32)
    return Projection(
        generation, stats.last_seq, stats.prompts, mean, axes, explained, np.concatenate(seqs),
        points,
    )  # fmt: skip


def main_axes(vectors: Floats) -> tuple[Floats, Floats, float]:
    """Return the mean (d,), the two main axes (d, 2), and the variance's share on them (PCA).

    The first of the largest components of each axis is positive, so that the same traffic gives the
    same map.
    """
    dimension = vectors.shape[1]
    if len(vectors) < 3:
        return np.zeros(dimension, np.float32), np.eye(dimension, 2, dtype=np.float32), 0.0
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    values, columns = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(vectors))
    axes = columns[:, [-1, -2]]
    # Nearly equal ones must not change places by rounding.
    largest = np.abs(axes) > 0.999 * np.abs(axes).max(axis=0)
    signs = np.sign(axes[largest.argmax(axis=0), [0, 1]])
    explained = float(values[-2:].sum() / max(values.sum(), 1e-12))
    return mean, np.asarray(axes * signs, np.float32), explained
