"""Sealed segments of a bucket become few, so that a search visits few, whatever there is.

As in a log-structured merge tree with lazy levelling (Dayan & Idreos 2018, "Dostoevsky", SIGMOD;
O'Neil et al. 1996, Acta Informatica 33, 351–385): small segments wait until there are `fanout` of a
size and become one of the next; the oldest and largest takes in all newer ones as soon as they hold
half as many rows. Nearly all rows are then in one segment, with an inverted file trained on all of
it, and a vector is written again about six times, in the background.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from simsvc.index.ann import Half
from simsvc.index.sealed import SealedSegment
from simsvc.ports.index import Rows

# Rows that newer segments must hold, of the oldest's, for it to take them in.
_NEWER = 0.5


def due(segments: Iterable[object], size: int, fanout: int, largest: int) -> list[SealedSegment]:
    """Return segments that are to be merged into one, by ordinal; none if nothing is due.

    `size` is a new segment's; nothing over `largest` rows is made. A fanout under 2 merges nothing.
    """
    if fanout < 2:
        return []
    buckets: dict[int, list[SealedSegment]] = defaultdict(list)
    for segment in segments:
        if isinstance(segment, SealedSegment) and len(segment):
            buckets[segment.bucket].append(segment)
    for _, held in sorted(buckets.items()):
        held.sort(key=lambda s: s.ordinal)
        chosen = _taken_in(held, fanout * size, largest) or _alike(held, size, fanout, largest)
        if chosen:
            return chosen
    return []


def _taken_in(held: Sequence[SealedSegment], least: int, largest: int) -> list[SealedSegment]:
    """Return the oldest that may still grow and all newer ones, if these hold enough rows."""
    for place, oldest in enumerate(held):
        newer = sum(map(len, held[place + 1 :]))
        grown = len(oldest) + newer
        if len(oldest) < least:
            return []
        if max(grown, (1 + _NEWER) * len(oldest)) <= largest:
            return list(held[place:]) if newer >= _NEWER * len(oldest) else []
    return []


def _alike(
    held: Sequence[SealedSegment], size: int, fanout: int, largest: int
) -> list[SealedSegment]:
    """Return the oldest `fanout` of the smallest size that there are so many of."""
    tiers: dict[int, list[SealedSegment]] = defaultdict(list)
    for segment in held:
        # Half a step up, so that a segment of some rows fewer is of the same size.
        tiers[math.floor(math.log(len(segment) / size, fanout) + 0.5)].append(segment)
    for _, group in sorted(tiers.items()):
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
