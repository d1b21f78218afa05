"""What happens to segments beside adds and searches: they are sealed, and merged."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from functools import partial

import structlog

from simsvc.index.ann import train
from simsvc.index.files import write_sealed
from simsvc.index.hot import HotSegment
from simsvc.index.inverted import Check, Half, carry_on
from simsvc.index.memory import give_back
from simsvc.index.merging import due, together
from simsvc.index.sealed import SealedSegment
from simsvc.index.segments import Segment, SegmentRule, Segments
from simsvc.index.snapshot import SnapshotStore
from simsvc.ports.index import Rows, Vectors

_log = structlog.get_logger()


class _GivenUpError(Exception):
    """A merge is not worth waiting for any more."""


class Background:
    """Seals and merges segments; each is replaced when its files are written.

    A merge may take minutes, in which new segments are sealed by another thread than the
    `merger`'s: until then they are searched row by row. Where that fails for want of space or
    memory, segments stay as they are, found by every search, and the next sealing tries again.
    """

    def __init__(
        self,
        rule: SegmentRule,
        segments: Segments,
        store: SnapshotStore,
        sealer: Executor,
        merger: Executor,
    ) -> None:
        self._rule = rule
        self._segments = segments
        self._store = store
        self._sealer = sealer
        self._merger = merger
        self._sealing: list[Future[None]] = []
        self._merging: list[Future[None]] = []
        # Ordinals of hot segments whose sealing failed. The sealer's thread only.
        self._failed: list[int] = []
        self._ending = threading.Event()

    def seal(self, hot: HotSegment) -> None:
        """Seal a segment that nothing is added to any more, then merge what is due."""
        sealed = self._sealer.submit(self._seal, hot)
        sealed.add_done_callback(_tell)
        self._sealing = [*_open_ends(self._sealing), sealed]
        self.merge(sealed)

    def merge(self, *after: Future[None]) -> None:
        """Merge what is due, and write what holds rows that are gone without them."""
        merged = self._merger.submit(self._merge, *after)
        merged.add_done_callback(_tell)
        self._merging = [*_open_ends(self._merging), merged]

    def give_up_merges(self) -> None:
        """See `SegmentedIndex.give_up_merges`."""
        self._ending.set()

    def finish(self) -> None:
        """See `SegmentedIndex.finish_sealing`."""
        while self._sealing:
            self._sealing.pop().result()
        while self._merging and not self._ending.is_set():
            self._merging.pop().result()

    def _seal(self, new: HotSegment) -> None:
        """Seal a segment, then those that could not be, until one fails again."""
        hot = {s.ordinal: s for s in self._segments.all if isinstance(s, HotSegment)}
        waiting = deque([new, *(hot[ordinal] for ordinal in self._failed if ordinal in hot)])
        while waiting:
            if not self._seal_one(waiting[0]):
                # The next sealing begins with another one.
                waiting.rotate(-1)
                break
            waiting.popleft()
        self._failed = [segment.ordinal for segment in waiting]

    def _seal_one(self, hot: HotSegment) -> bool:
        block = hot.block
        return self._write([hot], f"sealed-{hot.ordinal:08d}", lambda: (block.rows, block.vectors))

    def _merge(self, *after: Future[None]) -> None:
        wait(after)
        try:
            self._merge_all()
        except _GivenUpError:
            _log.info("merge_given_up")

    def _merge_all(self) -> None:
        rule = self._rule
        while group := due(self._segments.all, rule.size, rule.fanout, rule.largest):
            self._check_merge()
            left = sum(segment.remaining for segment in group)
            name = f"merged-{group[0].ordinal:08d}-{group[-1].ordinal:08d}-{left:08d}"
            if not self._write(group, name, partial(together, group), self._check_merge):
                break
            for segment in group:
                self._store.drop(segment.folder)
        give_back()

    def _check_merge(self) -> None:
        if self._ending.is_set():
            raise _GivenUpError

    def _write(
        self,
        old: Sequence[Segment],
        name: str,
        read: Callable[[], tuple[Rows, Vectors | Half]],
        check: Check = carry_on,
    ) -> bool:
        """Make one sealed segment of what some segments hold; False if they stay as they are."""
        ordinal = old[0].ordinal
        try:
            sealed = self._made(name, ordinal, *read(), check)
        except (OSError, MemoryError) as error:
            reason = f"{type(error).__name__}: {error}"
            _log.error("sealing_failed", segment=ordinal, reason=reason)
            return False
        if not self._segments.replace(old, sealed):
            self._store.drop(sealed.folder)
            return False
        return True

    def _made(
        self, name: str, ordinal: int, rows: Rows, vectors: Vectors | Half, check: Check
    ) -> SealedSegment:
        large = len(rows) >= self._rule.ann_from
        ann = train(vectors, self._rule.recall, check) if large else None
        return write_sealed(self._store.folder / name, ordinal, rows, vectors, ann)


def _tell(done: Future[None]) -> None:
    """Log what is not raised before the end, or never."""
    if error := done.exception():
        _log.error("background_failed", reason=f"{type(error).__name__}: {error}")


def _open_ends(futures: Sequence[Future[None]]) -> list[Future[None]]:
    """Return those that are under way, or failed."""
    return [f for f in futures if not f.done() or f.exception()]
