"""The threads beside the event loop and the model's, and how they share the cores."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import faiss

from simsvc import niceness


@dataclass(frozen=True, slots=True)
class Threads:
    """Readers answer look-ups; one thread each writes, seals segments, merges them, looks at all
    accounts, and scans what takes long.

    `taking` takes prompts apart, and waits for no look-up.

    `helpers`, one less than there are cores, answer a share of whoever has many queries. `staging`
    fills a generation that is to take over.
    """

    taking: ThreadPoolExecutor
    readers: ThreadPoolExecutor
    scanning: ThreadPoolExecutor
    writing: ThreadPoolExecutor
    sealing: ThreadPoolExecutor
    merging: ThreadPoolExecutor
    looking: ThreadPoolExecutor
    helpers: ThreadPoolExecutor
    staging: ThreadPoolExecutor

    @classmethod
    def start(cls, readers: int) -> Threads:
        """Make the pools; a thread starts with its first task."""
        return cls(
            ThreadPoolExecutor(2, "take", initializer=_one_core),
            ThreadPoolExecutor(readers, "read", initializer=_one_core),
            ThreadPoolExecutor(1, "scan", initializer=_in_the_background),
            ThreadPoolExecutor(1, "write", initializer=_one_core),
            ThreadPoolExecutor(1, "seal", initializer=_soon),
            ThreadPoolExecutor(1, "merge", initializer=_in_the_background),
            ThreadPoolExecutor(1, "look", initializer=_in_the_background),
            ThreadPoolExecutor(max(1, cores() - 1), "search", initializer=_one_core),
            ThreadPoolExecutor(1, "stage", initializer=_in_the_background),
        )

    def shutdown(self) -> None:
        """Finish what is under way."""
        rest = (self.sealing, self.merging, self.readers, self.writing, self.helpers)
        for pool in (self.staging, self.looking, self.scanning, self.taking, *rest):
            pool.shutdown()


def cores() -> int:
    """Return how many cores the process may use."""
    return len(os.sched_getaffinity(0))


def _one_core() -> None:
    # FAISS would start a pool of threads in each of ours: parallelism is between searches.
    faiss.omp_set_num_threads(1)


def _soon() -> None:
    """Go before the model, after answers."""
    _one_core()
    niceness.yield_to_others(niceness.SEALING)


def _in_the_background() -> None:
    """Yield to whoever waits for an answer."""
    _one_core()
    niceness.yield_to_others(niceness.BACKGROUND)
