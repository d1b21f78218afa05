"""A whole reindex: ranges are embedded, then one process builds and compares."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from indexer.reindexing.building import building
from indexer.reindexing.comparing import compare
from indexer.reindexing.leases import LEASE, Heartbeat, StoppedError
from indexer.reindexing.parts import Workshop, new_owner
from indexer.reindexing.pool import WorkersDiedError, WorkFailedError
from indexer.reindexing.worker import TextMissingError, Worked
from simsvc.assembly import make_campaign_book
from simsvc.core.clock import SystemClock
from simsvc.core.embedding import items_again
from simsvc.domain.chunks import chunks
from simsvc.domain.generation import Job, JobKind, JobState, Phase
from simsvc.embed.choice import EngineMissingError
from simsvc.embed.converted import ConversionError
from simsvc.embed.fidelity import UnfaithfulEngineError
from simsvc.embed.passes import embed_texts
from simsvc.embed.weights import ModelNotFoundError, WrongWeightsError
from simsvc.ports.generation import Generation
from simsvc.record.sql import SqlRecord
from simsvc.threads import cores

# What came meanwhile is embedded too, down to what the cut-over does in passing.
_TAIL = 2048
# Traffic may come as fast as it is embedded: the cut-over catches up with it.
_ROUNDS = 3
_POLL = 0.5
_REFERENCES = 256
_CANNOT = (
    ConversionError, EngineMissingError, ModelNotFoundError, TextMissingError,
    UnfaithfulEngineError, WorkersDiedError, WorkFailedError, WrongWeightsError,
)  # fmt: skip


class Pool(Protocol):
    """Workers on one machine or on many."""

    def run(self, job_id: str, unfinished: Callable[[], int], tell: Callable[[], None]) -> Worked:
        """Work off a job's ranges, calling `tell` now and then."""
        ...


class Runner:
    """Runs one job. Several may run the same one: they share the ranges, and one builds."""

    def __init__(
        self, shop: Workshop, job_id: str, pool: Pool, tell: Callable[[Job], None],
        lease: float = LEASE,
    ) -> None:  # fmt: skip
        self._shop = shop
        self._reindexing = shop.reindexing()
        self._jobs = shop.database.jobs
        self._job_id = job_id
        self._pool = pool
        self._tell = tell
        self._lease = lease
        self._clock = SystemClock()
        self.worked = Worked()

    def run(self) -> Job:
        """Run the job to its end and return how it ended. NotFoundError if there is none."""
        job = self._reindexing.job(self._job_id)
        try:
            if job.kind is JobKind.REEMBED:
                self._embed()
            self._finish()
        except StoppedError:
            return self._reindexing.job(self._job_id)
        except _CANNOT as error:
            self._reindexing.end(job, JobState.FAILED, self._clock.now(), str(error))
        return self._reindexing.job(self._job_id)

    def _embed(self) -> None:
        self.worked = self._pool.run(
            self._job_id, lambda: self._jobs.unfinished(self._job_id), self._check
        )

    def _check(self) -> None:
        """Tell how far the job is; StoppedError if it does not run any more."""
        job = self._reindexing.job(self._job_id)
        self._tell(job)
        if job.state is not JobState.RUNNING or job.cancel:
            raise StoppedError(job.job_id)

    def _finish(self) -> None:
        """Build, where no other runner does."""
        owner = new_owner()
        with Heartbeat(self._jobs, self._job_id, owner, self._lease) as beat:
            while not self._jobs.lease_job(self._job_id, owner, self._clock.now(), beat.until()):
                self._check()
                time.sleep(_POLL)
            job = self._reindexing.job(self._job_id)
            for _ in range(_ROUNDS if job.kind is JobKind.REEMBED else 0):
                if not self._reindexing.more(job, _TAIL):
                    break
                self._embed()
                job = self._reindexing.job(self._job_id)
            self._build(self._shop.generation_of(job), beat)

    def _build(self, generation: Generation, beat: Heartbeat) -> None:
        serving = self._shop.record(self._reindexing.serving())
        record = self._shop.record(generation)
        missing = self._references(generation, serving, record)
        up_to = record.last_contiguous(0)
        total = sum(1 for page in record.sizes(0) for seq, _ in page if seq <= up_to)
        self._jobs.add_ranges(self._job_id, (), up_to, total)

        def tell(phase: Phase, indexed: int) -> None:
            beat.check()
            self._jobs.note_phase(self._job_id, phase, indexed, self._clock.now())
            self._check()

        settings = self._shop.settings_of(generation)
        overlap = settings.campaign_overlap
        with building(
            self._shop, generation, up_to, lambda done: tell(Phase.INDEXING, done)
        ) as built:
            tell(Phase.COMPARING, built.prompts)
            book = make_campaign_book(settings, generation.model)
            report, made = compare(built, serving, book, overlap, missing, beat.check)
        # Thresholds that rest on too little traffic are worse than the shipped ones.
        calibration = made.to_json() if made.sufficient else ""
        self._shop.database.catalogue.save_report(
            generation.generation_id, report.to_json(), calibration, up_to
        )
        job = self._reindexing.job(self._job_id)
        self._reindexing.end(job, JobState.SUCCEEDED, self._clock.now())
        self._tell(self._reindexing.job(self._job_id))

    def _references(
        self, generation: Generation, serving: SqlRecord, record: SqlRecord
    ) -> list[str]:
        """Embed reference sets for a generation; return those without all of their texts."""
        sets = serving.reference_sets()
        if generation.vectors_of == serving.generation.vectors_of or not sets:
            return []
        engine = self._shop.engine(generation, cores())
        engine.use_this_thread()
        missing = []
        for held in sets:
            texts = serving.reference_texts(held.name)
            if any(text is None for text in texts.values()):
                missing.append(held.name)
            # What is added between the two reads, or later, the cut-over takes along.
            items = [i for i in serving.reference_items(held.name) if texts.get(i.hash) is not None]
            for part in chunks(items, _REFERENCES):
                made, _ = embed_texts(engine, [texts[i.hash] or "" for i in part])
                if all(held.name != still.name for still in serving.reference_sets()):
                    break  # It was deleted meanwhile, and must not come back.
                again = items_again(part, texts, made)
                record.add_references(held.name, held.kind, again, held.created_at)
        return missing
