"""Rebuilds the index snapshot from the vectors in the record, without embedding anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simsvc.ports.index import VectorIndex
from simsvc.ports.record import Record
from simsvc.ports.snapshots import Snapshots

_BATCH = 4096
_MOST_WAITING = 65_536


class Rebuildable(VectorIndex, Snapshots, Protocol):
    """An index that can be filled and written."""

    def finish_sealing(self) -> None:
        """Wait for segments that are being sealed."""
        ...


def rebuild(
    record: Record,
    index: Rebuildable,
    progress: Callable[[int, int], None],
    up_to: int | None = None,
) -> int:
    """Fill an empty index from the record and write its snapshot; return the prompts in it.

    `progress` is told the seq that was reached and the last one there is, or `up_to`, beyond which
    nothing is read.
    """
    last, waiting = record.last_seq() if up_to is None else up_to, 0
    for batch in record.replay(0, last, _BATCH, with_vectors=True):
        index.add(batch.rows, batch.vectors)
        waiting += len(batch.rows)
        if waiting >= _MOST_WAITING:
            # Reading is faster than sealing, and what waits for it is held in memory.
            index.finish_sealing()
            waiting = 0
        progress(int(batch.rows["seq"][-1]), last)
    index.finish_sealing()
    index.capture(record.mark)()
    return index.stats().prompts
