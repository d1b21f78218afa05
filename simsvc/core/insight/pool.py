"""A pool of accounts to hold one against: copies of what the detector keeps of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.core.detection import Detector

_ACCOUNTS = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one actor: its accounts, its prompts in all, and rows of SAMPLE_DTYPE."""

    accounts: tuple[int, ...]
    prompts: int
    isolation: float
    rows: npt.NDArray[np.void]


def pool_of(detector: Detector, first: Iterable[int]) -> dict[int, Kept]:
    """Return what is kept of those that sent last, and of those named `first`. Writing thread."""
    book = detector.accounts_book
    return {
        actor: Kept(tuple(sorted(s.accounts)), s.prompts, s.isolation(), s.sample())
        for actor in book.pool(_ACCOUNTS, first)
        if (s := book.states[actor]).prompts
    }


def users_of(pool: dict[int, Kept], frame: int) -> set[int]:
    """Return the actors of a pool that use a frame."""
    return {actor for actor, kept in pool.items() if (kept.rows["frame"] == frame).any()}


def users_outside(pool: dict[int, Kept], column: str, inside: Collection[int]) -> dict[int, int]:
    """Return how many actors of a pool that are not `inside` use each value of a column."""
    used = [set(kept.rows[column].tolist()) for a, kept in pool.items() if a not in inside]
    return dict(Counter(value for values in used for value in values))
