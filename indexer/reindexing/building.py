"""The index of a generation, its families, and the detector's view of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import faiss
import numpy as np

from indexer.reindexing.parts import Workshop
from simsvc.assembly import make_detector, make_family_assigner, make_index
from simsvc.core.detection import Detector
from simsvc.core.families import FamilyAssigner
from simsvc.core.lifecycle import sightings_of
from simsvc.core.views import Dissector
from simsvc.domain.chunks import chunks
from simsvc.domain.frames import FrameRule
from simsvc.domain.verdict import Thresholds
from simsvc.index.segmented import SegmentedIndex
from simsvc.keys import keyring
from simsvc.ports.generation import Generation
from simsvc.ports.record import ReplayBatch
from simsvc.record.sql import SqlRecord

_BATCH = 2048
_PLACED = 256
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Built:
    """A generation in memory: its index with all prompts, and a detector that has seen them.

    `days` is the time that the prompts span.
    """

    generation: Generation
    record: SqlRecord
    index: SegmentedIndex
    detector: Detector
    prompts: int
    days: float


@contextmanager
def building(
    shop: Workshop, generation: Generation, up_to: int, tell: Callable[[int], None]
) -> Iterator[Built]:
    """Build a generation from its vectors, up to a seq, and write its snapshot.

    `tell` is told how many prompts are in the index. What is built is the same each time: batches
    are as long, and nothing is searched while a segment is being sealed.
    """
    faiss.omp_set_num_threads(1)
    settings = shop.settings_of(generation)
    record = shop.record(generation)
    with ThreadPoolExecutor(
        1, "seal", initializer=faiss.omp_set_num_threads, initargs=(1,)
    ) as pool:
        index = make_index(settings, generation.model, pool, None, generation.generation_id)
        index.discard_snapshot()
        assigner = make_family_assigner(settings, index)
        detector = make_detector(settings, index, Thresholds())
        dissector = Dissector(keyring(settings), FrameRule())
        done, first, last = 0, 0, 0
        own = generation.vectors_of == generation.generation_id
        for batch in record.replay(0, up_to, _BATCH, with_vectors=True):
            placed = _placed(batch, record, index, assigner) if own else _added(batch, index)
            seen = list(sightings_of(placed))
            # Allowed templates go by the names of their frames.
            dissector.restore([(one.trace, one.actor) for one in seen])
            detector.observe(seen)
            times = batch.rows["observed_at"]
            first, last = min(first or times.min(), times.min()), max(last, times.max())
            done += len(batch.rows)
            tell(done)
        index.finish_sealing()
        index.capture(record.mark)()
        detector.library.load(record, dissector)
        yield Built(generation, record, index, detector, done, int(last - first) / _DAY)


def _added(batch: ReplayBatch, index: SegmentedIndex) -> ReplayBatch:
    index.add(batch.rows, batch.vectors)
    index.finish_sealing()
    return batch


def _placed(
    batch: ReplayBatch, record: SqlRecord, index: SegmentedIndex, assigner: FamilyAssigner
) -> ReplayBatch:
    """Find the families of prompts in this generation, and keep them."""
    rows = batch.rows.copy()
    for part in chunks(range(len(rows)), _PLACED):
        at = slice(part[0], part[-1] + 1)
        vectors = batch.vectors[at]
        placements = assigner.place(vectors, rows["seq"][at].tolist())
        rows["family"][at] = np.array([p.family for p in placements], np.int64)
        index.add(rows[at], vectors)
        index.finish_sealing()
    record.put_families(dict(zip(rows["seq"].tolist(), rows["family"].tolist(), strict=True)))
    return ReplayBatch(rows, batch.payload_hashes, batch.traces, batch.vectors)
