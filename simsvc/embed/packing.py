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


def padded(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> int:
    """Return the tokens in batches whose rows are padded to the longest."""
    return sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)


def pack_rows(lengths: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Return rows that hold positions end to end: each its size, one of `sizes`, and positions.

    Best fit, the longest first (Johnson et al. 1974, SIAM J. Comput. 3, 299–325); a new row is of
    the least size that does. A length over the largest size is a ValueError.
    """
    rows: list[tuple[int, list[int]]] = []
    # Rows by the room that is left in them.
    by_room: list[list[int]] = [[] for _ in range(max(sizes) + 1)]
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[position]
        room = next((r for r in range(length, len(by_room)) if by_room[r]), None)
        if room is None:
            room = min((size for size in sizes if size >= length), default=0)
            if not room:
                raise ValueError(f"{length} tokens do not fit into a row of {max(sizes)}")
            rows.append((room, []))
            place = len(rows) - 1
        else:
            place = by_room[room].pop()
        rows[place][1].append(position)
        by_room[room - length].append(place)
    return rows
