"""The index of the service: a hot segment for each time bucket, and sealed ones of any time.

Retention goes by buckets. What it has passed is not found from then on; a sealed segment that holds
some of it is written again without, in the background, and its files go with the next snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np

from simsvc.domain.grouping import HIT_DTYPE, Hits
from simsvc.index.background import Background
from simsvc.index.hot import HotSegment
from simsvc.index.nearest import nearest_in
from simsvc.index.sealed import SealedSegment
from simsvc.index.segments import SegmentRule, Segments
from simsvc.index.snapshot import NEWEST, Bound, CorruptSnapshotError, SnapshotStore, SnapshotView
from simsvc.ports.index import IndexFilter, IndexStats, Neighbours, Rows, Vectors
from simsvc.ports.snapshots import Mark

# Traffic may come from many buckets in turn: a replay, or clocks that differ.
_MAX_OPEN = 64


class SegmentedIndex:
    """See `VectorIndex`. Adds come from one thread; searches, sealing and merging run beside them.

    A search works on the tuple of segments that it found; what runs beside it replaces the tuple.
    """

    def __init__(
        self,
        dimension: int,
        rule: SegmentRule,
        store: SnapshotStore,
        sealer: Executor,
        helpers: Executor | None = None,
        merger: Executor | None = None,
    ) -> None:
        self._helpers = helpers
        self._dimension = dimension
        self._rule = rule
        self._store = store
        self._segments = Segments(rule.bucket)
        self._background = Background(rule, self._segments, store, sealer, merger or sealer)
        self._last_seq = 0
        self._next_ordinal = 1
        self._open: dict[int, HotSegment] = {}

    @property
    def dimension(self) -> int:
        """See `VectorIndex.dimension`."""
        return self._dimension

    @property
    def checkpoint(self) -> int:
        """See `Snapshots.checkpoint`."""
        return self._store.checkpoint

    def restore(self, highest: int = NEWEST.highest, mark: Mark = NEWEST.mark) -> str:
        """See `Snapshots.restore`."""
        try:
            snapshot = self._store.load(self._dimension, Bound(highest, mark))
        except CorruptSnapshotError as error:
            self._store.discard()
            return str(error)
        self._segments.all = snapshot.segments
        self._last_seq = snapshot.checkpoint
        self._next_ordinal = 1 + max((s.ordinal for s in self._segments.all), default=0)
        hot = [s for s in self._segments.all if isinstance(s, HotSegment)]
        self._open = {s.bucket: s for s in hot if len(s.block) < self._rule.size}
        for segment in hot:
            # The snapshot came while it waited for its sealing.
            if self._open.get(segment.bucket) is not segment:
                self._seal(segment)
        self._tidy()
        return ""

    def discard_snapshot(self) -> None:
        """Remove what is on disk, so that a rebuild starts from nothing."""
        self._store.discard()

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """See `VectorIndex.add`."""
        if not len(rows):
            return
        buckets = rows["observed_at"] // self._rule.bucket
        for bucket in np.unique(buckets).tolist():
            mine = buckets == bucket
            self._add_to(bucket, rows[mine], vectors[mine])
        self._last_seq = int(rows["seq"][-1])
        self._seal_old()

    def nearest(self, queries: Vectors, k: int) -> Neighbours:
        """See `VectorIndex.nearest`."""
        parts = [p for s in self._segments.all if len(p := s.part)]
        return nearest_in(parts, queries, k, self._rule.threads, self._helpers)

    def over(self, query: Vectors, threshold: float, where: IndexFilter) -> Hits:
        """See `VectorIndex.over`. Of sealed segments, as many as their recall finds."""
        parts = [s.part.over(query, threshold, where) for s in self._segments.matching(where)]
        return np.concatenate([np.empty(0, HIT_DTYPE), *parts])

    def vectors(self, seqs: Sequence[int]) -> Vectors:
        """See `VectorIndex.vectors`."""
        wanted = np.asarray(seqs, dtype=np.int64)
        found = np.zeros((len(wanted), self._dimension), np.float32)
        for segment in self._segments.all:
            part = segment.part
            if len(part):
                hit, at = part.holding(wanted)
                if len(at):
                    found[hit] = part.vectors_at(at)
        return found

    def drop_before(self, time: int) -> int:
        """See `VectorIndex.drop_before`."""
        before = self.stats().prompts
        for segment in self._segments.drop_before(time):
            if isinstance(segment, SealedSegment):
                self._store.drop(segment.folder)
            elif self._open.get(segment.bucket) is segment:
                del self._open[segment.bucket]
        self._tidy()
        return before - self.stats().prompts

    def stats(self) -> IndexStats:
        """See `VectorIndex.stats`."""
        segments = self._segments.all
        return IndexStats(sum(s.remaining for s in segments), len(segments), self._last_seq)

    def capture(self, mark: Mark = NEWEST.mark) -> Callable[[], int]:
        """See `Snapshots.capture`."""
        view = SnapshotView(
            self._last_seq,
            mark(self._last_seq),
            tuple(s if isinstance(s, SealedSegment) else (s, s.block) for s in self._segments.all),
        )
        return lambda: self._store.write(view)

    def give_up_merges(self) -> None:
        """Let merges end as soon as they can, and begin no more: for the end. Any thread.

        What they would have merged is there, and the first sealing after a start tries again.
        """
        self._background.give_up_merges()

    def finish_sealing(self) -> None:
        """Wait for sealings under way, and for merges unless they are given up.

        Raises what went wrong in one.
        """
        self._background.finish()

    def _add_to(self, bucket: int, rows: Rows, vectors: Vectors) -> None:
        while len(rows):
            hot = self._open.pop(bucket, None) or self._new_hot(bucket)
            self._open[bucket] = hot
            room = self._rule.size - len(hot.block)
            hot.append(rows[:room], vectors[:room])
            rows, vectors = rows[room:], vectors[room:]
            if len(hot.block) >= self._rule.size:
                self._seal(hot)

    def _new_hot(self, bucket: int) -> HotSegment:
        hot = HotSegment(bucket, self._next_ordinal, self._dimension)
        self._next_ordinal += 1
        self._segments.put(hot)
        return hot

    def _seal_old(self) -> None:
        """Seal the buckets that were not written for longest where many are open."""
        rows = sum(len(segment.block) for segment in self._open.values())
        for bucket, segment in list(self._open.items())[:-1]:
            if rows <= self._rule.hot and len(self._open) <= _MAX_OPEN:
                break
            rows -= len(segment.block)
            self._seal(self._open[bucket])

    def _seal(self, hot: HotSegment) -> None:
        """Take a segment out of the way of adds and seal it in the background."""
        if self._open.get(hot.bucket) is hot:
            del self._open[hot.bucket]
        self._background.seal(hot)

    def _tidy(self) -> None:
        """Write what holds rows that retention has passed again without them, in the background."""
        if self._segments.holds_expired:
            self._background.merge()
