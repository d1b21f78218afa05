"""S7: how an account's or a group's prompts lie in a known data set.

Hits are prompts that are near-duplicates of an item. A group that shares a set out covers much of
it together while its accounts hardly overlap. Null for two accounts with a and b distinct items of
N: the overlap is hypergeometric (Fisher 1922, JRSS 85, 87–94).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from simsvc.domain.signals.tails import log_poisson_at_most


@dataclass(frozen=True, slots=True)
class ReferenceHits:
    """A group's hits in a set of `size` items: prompts, distinct items, and overlap.

    `overlap`: shared items summed over pairs of accounts, `expected_overlap` by chance,
    `log_p_disjoint` the chance of no more (natural logarithm). `largest_share`: most of the set
    that one account covers.
    """

    size: int
    hits: int
    distinct: int
    largest_share: float
    overlap: int
    expected_overlap: float
    log_p_disjoint: float

    @property
    def covered(self) -> float:
        """Return the share of the set that the group covers together."""
        return self.distinct / self.size if self.size else 0.0


def reference_hits(items: Mapping[int, Set[int]], hits: int, size: int) -> ReferenceHits:
    """Measure accounts' distinct items (by account) of a set of `size` items."""
    counts = np.array([len(found) for found in items.values()], np.float64)
    union = set().union(*items.values()) if items else set()
    uses = np.zeros(len(union))
    order = {item: at for at, item in enumerate(sorted(union))}
    for found in items.values():
        for item in found:
            uses[order[item]] += 1
    overlap = int((uses * (uses - 1) / 2).sum())
    pairs = (counts.sum() ** 2 - (counts**2).sum()) / 2
    expected = float(pairs / size) if size else 0.0
    # The sum of many small hypergeometric overlaps is nearly Poisson.
    log_p = log_poisson_at_most(overlap, max(expected, 1e-300))
    largest = float(counts.max() / size) if len(counts) and size else 0.0
    return ReferenceHits(size, hits, len(union), largest, overlap, expected, log_p)
