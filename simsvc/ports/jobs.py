"""Jobs that many processes work on, and the leases by which they share the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from simsvc.domain.generation import Job, JobState, Phase, Range
from simsvc.ports.embedder import Embedding


@dataclass(frozen=True, slots=True)
class Source:
    """A recorded prompt to be embedded again; `payload` is None where its text is not there."""

    seq: int
    payload_hash: bytes
    payload: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A range of a job that `owner` works on until it has to be extended."""

    job_id: str
    owner: str
    range: Range


class Jobs(Protocol):
    """Jobs in the record. Any thread, any process. Times are µs.

    A worker leases a range, extends its lease while it works, and loses it when it does not: then
    another one takes the range. Whoever has lost a range cannot finish it.
    """

    def add_job(self, job: Job, ranges: Sequence[Range]) -> None:
        """Note a new job."""
        ...

    def add_ranges(self, job_id: str, ranges: Sequence[Range], up_to: int, total: int) -> None:
        """Let a job go on to the seq `up_to`, over `total` prompts in all; ranges count from 0."""
        ...

    def job(self, job_id: str) -> Job | None:
        """Return a job."""
        ...

    def jobs(self, state: JobState | None = None) -> list[Job]:
        """Return all jobs, newest first."""
        ...

    def lease_range(self, job_id: str, owner: str, now: int, until: int) -> Lease | None:
        """Lease the first range that is neither done nor leased."""
        ...

    def lease_job(self, job_id: str, owner: str, now: int, until: int) -> bool:
        """Lease what only one process may do: indexing, or the tail."""
        ...

    def extend(self, job_id: str, owner: str, until: int) -> bool:
        """Extend all leases of an owner; return whether the job is still to go on."""
        ...

    def release(self, job_id: str, owner: str) -> None:
        """Give up all leases of an owner."""
        ...

    def unfinished(self, job_id: str) -> int:
        """Return how many ranges are not done."""
        ...

    def note_phase(self, job_id: str, phase: Phase, indexed: int, now: int) -> None:
        """Note how far a job is."""
        ...

    def request_cancel(self, job_id: str) -> bool:
        """Ask a job to stop; False if it does not run."""
        ...

    def end_job(self, job_id: str, state: JobState, now: int, error: str = "") -> bool:
        """Note how a job ended; False if it had ended before."""
        ...


class Reembedding(Protocol):
    """The record, as those who embed it again see it."""

    def sizes(self, after: int) -> Iterator[list[tuple[int, int]]]:
        """Yield (seq, tokens) of all prompts above a seq, ascending, in pages."""
        ...

    def unreadable(self) -> int:
        """Return how many prompts have no text that can be read."""
        ...

    def sources(self, first: int, last: int) -> list[Source]:
        """Return the prompts of a range."""
        ...

    def finish_range(self, lease: Lease, made: Mapping[int, Embedding], now: int) -> bool:
        """Write a range's embeddings, once and for all; False if the lease was lost.

        Prompts that retention has dropped meanwhile stay away.
        """
        ...

    def put_embeddings(self, made: Mapping[int, Embedding]) -> None:
        """Write embeddings of prompts, in place of those that there are."""
        ...

    def put_families(self, families: Mapping[int, int]) -> None:
        """Write the families of prompts that were recorded when another generation answered.

        They are placed then up to the last of them: see `Generation.placed`.
        """
        ...

    def held(self, seqs: Sequence[int]) -> dict[int, npt.NDArray[np.float32]]:
        """Return the vectors that there are of some prompts."""
        ...

    def families(self, seqs: Sequence[int]) -> dict[int, int]:
        """Return the families of prompts, 0 for none."""
        ...

    def last_contiguous(self, after: int) -> int:
        """Return the highest seq up to which all prompts above `after` have a vector."""
        ...
