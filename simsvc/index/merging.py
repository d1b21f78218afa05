"""Sealed segments become few, so that a search visits few, however many days there are.

As in a log-structured merge tree with lazy levelling (Dayan & Idreos 2018, "Dostoevsky", SIGMOD;
O'Neil et al. 1996, Acta Informatica 33, 351–385): small segments wait until there are `fanout` of a
size and become one of the next; the largest takes in all others as soon as they hold half as many
rows. Nearly all rows are then in one segment, with an inverted file trained on all of
it, and a vector is written again about six times, in the background.

Segments are closed at a largest size, roughly in the order of their traffic's time, so that
retention passes through one or two at a time; each is written again without what is gone, once a
bucket.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from simsvc.index.inverted import Half
from simsvc.index.sealed import SealedSegment
from simsvc.ports.index import ROW_DTYPE, Rows

# Rows that the others must hold, of the largest's, for it to take them in.
_REST = 0.5


def due(segments: Iterable[object], size: int, fanout: int, largest: int) -> list[SealedSegment]:
    """Return segments that are to become one, by ordinal; none if nothing is due.

    One alone holds rows that are gone. `size` is a new segment's; nothing over `largest` rows is
    made. A fanout under 2 merges nothing.
    """
    held = sorted((s for s in segments if isinstance(s, SealedSegment)), key=lambda s: s.ordinal)
    for segment in held:
        if segment.living is not None:
            return [segment]
    if fanout < 2:
        return []
    return _taken_in(held, fanout * size, largest) or _alike(held, size, fanout, largest)


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
    """Return the rows (n,) left of segments and their vectors (n, d), in ascending order of seq."""
    count, dimension = sum(s.remaining for s in segments), segments[0].half.shape[1]
    rows, half = np.empty(count, ROW_DTYPE), np.empty((count, dimension), np.float16)
    start = 0
    for segment in segments:
        end = start + segment.remaining
        left = slice(None) if segment.living is None else segment.living
        rows[start:end], half[start:end] = segment.rows[left], segment.half[left]
        start = end
    if (np.diff(rows["seq"]) < 0).any():
        order = np.argsort(rows["seq"], kind="stable")
        rows, half = rows[order], half[order]
    return rows, half
