"""Sealed segments of a bucket become few, so that a search visits few, whatever there is.

As in a log-structured merge tree with lazy levelling (Dayan & Idreos 2018, "Dostoevsky", SIGMOD;
O'Neil et al. 1996, Acta Informatica 33, 351–385): small segments wait until there are `fanout` of a
size and become one of the next; the largest takes in all others as soon as they hold half as many
rows. Nearly all rows are then in one segment, with an inverted file trained on all of
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

# Rows that the others must hold, of the largest's, for it to take them in.
_REST = 0.5


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
    """Return those that may still grow, if the rest of them holds enough rows for the largest."""
    chosen: list[SealedSegment] = []
    rows = 0
    for segment in held:
        if (1 + _REST) * len(segment) <= largest and rows + len(segment) <= largest:
            chosen.append(segment)
            rows += len(segment)
    base = max(map(len, chosen), default=0)
    return chosen if base >= least and rows - base >= _REST * base else []


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
