"""A local pool of workers, each a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from indexer.reindexing.worker import Worked, work
from simsvc.settings import Settings
from simsvc.threads import cores

_POLL = 0.5
_MOST_DEATHS = 8


class WorkersDiedError(Exception):
    """Workers die again and again: something is wrong that more of them will not mend."""


class WorkFailedError(Exception):
    """A range cannot be embedded, or a worker cannot work; the reason is fit for the record."""


class LocalPool:
    """Runs workers until no range of the job is free. A worker that dies is replaced."""

    def __init__(self, settings: Settings, workers: int, lease: float) -> None:
        self._settings = settings
        self._workers = workers
        self._lease = lease
        self._deaths = 0

    def run(self, job_id: str, unfinished: Callable[[], int], tell: Callable[[], None]) -> Worked:
        """Work off a job's ranges, calling `tell` now and then.

        Raises what a worker or `tell` raised, and WorkersDiedError.
        """
        total = Worked()
        while left := unfinished():
            tell()
            try:
                total = _sum(total, self._round(job_id, tell))
            except BrokenProcessPool as error:
                # Killed from outside, or out of memory. What it held is free when its lease ends.
                self._deaths = self._deaths + 1 if unfinished() == left else 1
                if self._deaths >= _MOST_DEATHS:
                    text = f"{self._deaths} workers died one after the other"
                    raise WorkersDiedError(text) from error
        return total

    def _round(self, job_id: str, tell: Callable[[], None]) -> Worked:
        threads = max(1, cores() // self._workers)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self._workers, context) as pool:
            waiting: set[Future[Worked]] = {
                pool.submit(work, self._settings, job_id, threads, self._lease)
                for _ in range(self._workers)
            }
            total = Worked()
            while waiting:
                done, waiting = wait(waiting, _POLL, FIRST_COMPLETED)
                tell()
                for future in done:
                    total = _sum(total, future.result())
        return total


def _sum(first: Worked, second: Worked) -> Worked:
    return Worked(
        first.ranges + second.ranges, first.prompts + second.prompts, first.lost + second.lost
    )
