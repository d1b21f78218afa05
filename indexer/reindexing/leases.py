"""Holding on to what is being worked on."""

from __future__ import annotations

import threading
from types import TracebackType

from indexer.reindexing.parts import micros
from simsvc.core.clock import SystemClock
from simsvc.domain.errors import UnavailableError
from simsvc.ports.jobs import Jobs

LEASE = 15.0
_BEATS = 5


class StoppedError(Exception):
    """The job was cancelled, or has ended."""


class Heartbeat:
    """Extends the leases of an owner, from a thread of its own, as long as it is entered.

    A process that dies or hangs extends nothing, and others take over.
    """

    def __init__(self, jobs: Jobs, job_id: str, owner: str, seconds: float = LEASE) -> None:
        self.jobs = jobs
        self.job_id = job_id
        self.owner = owner
        self.seconds = seconds
        self._clock = SystemClock()
        self._stop = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def until(self) -> int:
        """Return when a lease that is taken now ends, in µs."""
        return self._clock.now() + micros(self.seconds)

    @property
    def stopped(self) -> bool:
        """Whether the job is not to go on."""
        return self._stopped.is_set()

    def check(self) -> None:
        """Raise StoppedError if the job is not to go on."""
        if self.stopped:
            raise StoppedError(self.job_id)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._stop.set()
        self._thread.join()
        self.jobs.release(self.job_id, self.owner)

    def _run(self) -> None:
        while not self._stop.wait(self.seconds / _BEATS):
            try:
                if not self.jobs.extend(self.job_id, self.owner, self.until()):
                    self._stopped.set()
            except UnavailableError:
                # The record is away: the lease runs out if it stays so.
                continue
