"""The segments that there are: a tuple that searches take as it is, replaced as a whole."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from simsvc.index.hot import HotSegment
from simsvc.index.sealed import SealedSegment
from simsvc.ports.index import IndexFilter

Segment = HotSegment | SealedSegment


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """`bucket`: µs of traffic time that retention drops at once. `size`: rows of a sealed segment.

    `ann_from`: rows from which a sealed segment gets an inverted file. `recall`: its recall@10.
    `fanout` and `largest`: see `merging.due`. `hot`:
    rows that are searched exactly at the most; the buckets written to longest ago are sealed.
    `threads` share a batch, one of them the caller's.
    """

    bucket: int
    size: int
    ann_from: int
    recall: float
    fanout: int = 0
    largest: int = 1_048_576
    hot: int = sys.maxsize
    threads: int = 1


class Segments:
    """Hot segments of one bucket of time each, and sealed ones of any time.

    `bucket` is in µs, and so is `since`, up to which retention came when it last passed.
    """

    def __init__(self, bucket: int) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self.all: tuple[Segment, ...] = ()
        self.since = 0

    def put(self, hot: HotSegment) -> None:
        """Add a new segment."""
        with self._lock:
            self.all = (*self.all, hot)

    def replace(self, old: Sequence[Segment], new: SealedSegment) -> bool:
        """Swap segments; False if nothing of the new one is to stay."""
        # By ordinal: retention may have put others of fewer rows in their place.
        gone = {s.ordinal for s in old}
        with self._lock:
            if new.last < self.since:
                return False
            kept = tuple(s for s in self.all if s.ordinal not in gone)
            self.all = (*kept, new.after(self.since))
            return True

    def drop_before(self, time: int) -> list[Segment]:
        """Let nothing be found of buckets that end by a time; return segments that are gone whole.

        A sealed segment that has rows left stays, and holds the others until it is written again.
        """
        with self._lock:
            self.since = time // self._bucket * self._bucket
            passed = [s for s in self.all if self._span(s)[1] <= self.since]
            gone = {s.ordinal for s in passed}
            left = [s for s in self.all if s.ordinal not in gone]
            self.all = tuple(_after(segment, self.since) for segment in left)
        return passed

    @property
    def holds_expired(self) -> bool:
        """Return whether a segment holds rows that are not found any more."""
        return any(isinstance(s, SealedSegment) and s.living is not None for s in self.all)

    def matching(self, where: IndexFilter) -> list[Segment]:
        """Return those whose time a filter lets pass."""
        return [s for s in self.all if len(s.part) and self._may_match(s, where)]

    def _may_match(self, segment: Segment, where: IndexFilter) -> bool:
        start, end = self._span(segment)
        before = where.end is not None and start >= where.end
        after = where.start is not None and end <= where.start
        return not before and not after

    def _span(self, segment: Segment) -> tuple[int, int]:
        """Return the traffic time that a segment holds: start ≤ observed < end."""
        if isinstance(segment, SealedSegment):
            return segment.first, segment.last + 1
        start = segment.bucket * self._bucket
        return start, start + self._bucket


def _after(segment: Segment, time: int) -> Segment:
    """Return a segment without what was observed before a time; a hot one goes as a whole."""
    return segment.after(time) if isinstance(segment, SealedSegment) else segment
