"""Windows over a long prompt: where it is cut, and how the windows' vectors become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Token spans `[start, end)` to embed. `capped` if they leave tokens out."""

    spans: tuple[tuple[int, int], ...]
    capped: bool


def plan_windows(tokens: int, window: int, max_windows: int) -> WindowPlan:
    """Cut `tokens` tokens into spans of at most `window`, all of nearly one length.

    Equal lengths keep a short rest from weighing as much as a full window. Where more than
    `max_windows` spans would be needed, `max_windows` full ones are spread evenly from the first
    token to the last, so that neither the beginning nor the end is lost.
    """
    if window < 1 or max_windows < 1:
        raise ValueError("window and max_windows must be at least 1")
    needed = max(1, -(-tokens // window))
    if needed <= max_windows:
        edges = [tokens * i // needed for i in range(needed + 1)]
        return WindowPlan(tuple(pairwise(edges)), capped=False)
    last_start = tokens - window
    gaps = max(1, max_windows - 1)
    starts = [last_start * i // gaps for i in range(max_windows)]
    return WindowPlan(tuple((s, s + window) for s in starts), capped=True)


def pool_windows(
    vectors: npt.NDArray[np.float32], lengths: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Return the unit-length mean of window vectors (n, d), weighted by tokens.

    For a model that pools by the mean this is close to what it would give for the whole text.
    """
    weights = np.maximum(np.asarray(lengths, dtype=np.float32), 1.0)
    [pooled] = normalised((weights[:, None] * vectors).sum(axis=0)[None])
    return np.asarray(pooled, dtype=np.float32)


def normalised(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the rows of (n, d) scaled to unit length; rows of zeros stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: npt.NDArray[np.float32] = (vectors / np.where(norms > 0, norms, 1.0)).astype(np.float32)
    return scaled
