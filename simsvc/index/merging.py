"""Sealed segments of like size become one, so that a search visits few, whatever there is.

As in a log-structured merge tree (O'Neil et al. 1996, Acta Informatica 33, 351–385; size-tiered):
once there are `fanout` segments of a size in a bucket, they are merged into one of the next, with
an inverted file trained on all of it. A vector is written again log(n) times, in the background.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from simsvc.index.ann import Half
from simsvc.index.sealed import SealedSegment
from simsvc.ports.index import Rows


def due(segments: Iterable[object], size: int, fanout: int, largest: int) -> list[SealedSegment]:
    """Return the oldest segments that are to be merged into one; none if nothing is due.

    `size` is a new segment's; nothing over `largest` rows is made. A fanout under 2 merges nothing.
    """
    if fanout < 2:
        return []
    tiers: dict[tuple[int, int], list[SealedSegment]] = defaultdict(list)
    for segment in segments:
        if isinstance(segment, SealedSegment) and len(segment):
            # Half a step up, so that a segment of some rows fewer is of the same size.
            tier = math.floor(math.log(len(segment) / size, fanout) + 0.5)
            tiers[segment.bucket, tier].append(segment)
    for _, group in sorted(tiers.items()):
        group.sort(key=lambda s: s.ordinal)
        chosen = group[:fanout]
        if len(chosen) == fanout and sum(map(len, chosen)) <= largest:
            return chosen
    return []


def together(segments: Sequence[SealedSegment]) -> tuple[Rows, Half]:
    """Return the rows (n,) and vectors (n, d) of segments, in ascending order of seq."""
    rows = np.concatenate([segment.rows for segment in segments])
    half = np.concatenate([segment.half for segment in segments])
    if (np.diff(rows["seq"]) < 0).any():
        order = np.argsort(rows["seq"], kind="stable")
        rows, half = rows[order], half[order]
    return rows, half
