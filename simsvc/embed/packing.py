"""Which windows go through the model together. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def pack(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Return positions in batches whose padded size, rows x longest, is within `budget` tokens.

    Sorted by length first: a batch is padded to its longest row, so rows of one length waste
    nothing. A row that is longer than the budget goes alone.
    """
    batches: list[list[int]] = []
    longest_first = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for position in longest_first:
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget:
            batches[-1].append(position)
        else:
            batches.append([position])
    return batches
