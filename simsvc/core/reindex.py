"""Planning, listing and ending reindexes: what the server and the batch command have in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from simsvc.domain.errors import (
    AlreadyThereError,
    InvalidError,
    NotFoundError,
    NotNowError,
    Violation,
)
from simsvc.domain.generation import (
    GenerationState,
    IndexParameters,
    Job,
    JobKind,
    JobState,
    Phase,
    Range,
)
from simsvc.ports.clock import Clock
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.generation import Catalogue, Generation, generation_id, rebuilt_id
from simsvc.ports.jobs import Jobs, Reembedding

RANGE_TOKENS = 65_536
RANGE_PROMPTS = 1024
_DONE_WITH = (GenerationState.FAILED, GenerationState.CANCELLED)
_DELETABLE = (*_DONE_WITH, GenerationState.RETIRED, GenerationState.SHADOW)


@dataclass(frozen=True, slots=True)
class ReindexSpec:
    """What a reindex is to make: another model (""; the same one), another index, or both."""

    model: str
    index: IndexParameters


@dataclass(frozen=True, slots=True)
class Plan:
    """A reindex that could be started."""

    generation: Generation
    job: Job
    ranges: tuple[Range, ...]

    @property
    def tokens(self) -> int:
        """Return the tokens to be embedded, as the serving generation counts them."""
        return sum(r.tokens for r in self.ranges)


def plan_ranges(
    pages: Iterable[list[tuple[int, int]]],
    tokens: int = RANGE_TOKENS,
    prompts: int = RANGE_PROMPTS,
) -> Iterator[Range]:
    """Cut (seq, tokens) in ascending order into ranges of like cost, numbered from 0."""
    held: list[tuple[int, int]] = []
    ordinal = cost = 0
    for page in pages:
        for seq, size in page:
            if held and (cost + size > tokens or len(held) == prompts):
                yield Range(ordinal, held[0][0], held[-1][0], len(held), cost)
                ordinal, held, cost = ordinal + 1, [], 0
            held.append((seq, size))
            cost += size
    if held:
        yield Range(ordinal, held[0][0], held[-1][0], len(held), cost)


class Reindexing:
    """Reindexes as entries in the record. Blocking: not for an event loop.

    `describe` loads a model by its setting and says where every process finds it, and what it is;
    it raises InvalidError. `discard` removes the index files of a generation.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        jobs: Jobs,
        record: Callable[[Generation], Reembedding],
        describe: Callable[[str], tuple[str, ModelInfo]],
        clock: Clock,
        discard: Callable[[str], None],
    ) -> None:
        self.catalogue = catalogue
        self.jobs = jobs
        self._record = record
        self._describe = describe
        self._clock = clock
        self._discard = discard

    def plan(self, spec: ReindexSpec) -> Plan:
        """Return what a reindex would do.

        Raises InvalidError, AlreadyThereError if there is such a generation, and NotNowError if
        another reindex runs or texts that are to be embedded are not there.
        """
        serving = self.serving()
        running = [j for j in self.jobs.jobs(JobState.RUNNING) if j.kind is not JobKind.ACTIVATE]
        if running:
            raise NotNowError("REINDEX_RUNNING", f"the reindex {running[0].job_id} is not done yet")
        if not spec.model and not spec.index.chosen():
            text = "name another model, index parameters, or both"
            raise InvalidError([Violation("model", "NOTHING_TO_DO", text)])
        generation = self._planned(spec, serving)
        there = self.catalogue.generation(generation.generation_id)
        if there is not None and there.state not in _DONE_WITH:
            raise _already(there, spec)
        reembed = generation.vectors_of != serving.vectors_of
        record = self._record(serving)
        if reembed and (unreadable := record.unreadable()):
            raise NotNowError(
                "TEXTS_MISSING", f"{unreadable} prompts have no text that could be embedded"
            )
        ranges = tuple(plan_ranges(record.sizes(0)))
        return Plan(generation, self._job(generation, ranges, reembed=reembed), ranges)

    def start(self, plan: Plan) -> Job:
        """Note a planned reindex, for runners to find."""
        reembed = plan.job.kind is JobKind.REEMBED
        self.catalogue.begin(plan.generation, plan.job, plan.ranges if reembed else ())
        return plan.job

    def more(self, job: Job, least: int) -> bool:
        """Add what came since to a job, if that is no less than `least` prompts."""
        ranges = list(plan_ranges(self._record(self.serving()).sizes(job.up_to)))
        found = sum(r.prompts for r in ranges)
        if not ranges or found < least:
            return False
        self.jobs.add_ranges(job.job_id, ranges, ranges[-1].last, job.total + found)
        return True

    def job(self, job_id: str) -> Job:
        """Return a job. NotFoundError if there is none."""
        job = self.jobs.job(job_id)
        if job is None:
            raise NotFoundError("operation")
        return job

    def generation(self, generation_id: str) -> Generation:
        """Return a generation. NotFoundError if there is none."""
        generation = self.catalogue.generation(generation_id)
        if generation is None:
            raise NotFoundError("generation")
        return generation

    def serving(self) -> Generation:
        """Return the generation that answers. NotNowError in a record that is new."""
        serving = self.catalogue.serving()
        if serving is None:
            raise NotNowError("NO_GENERATION", "no server has opened this record yet")
        return serving

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; where nobody works on it, it has stopped."""
        job = self.job(job_id)
        if self.jobs.request_cancel(job_id) and job.kind is not JobKind.ACTIVATE:
            now = self._clock.now()
            # Whoever works on it holds a lease on it or loses the next one.
            self.end(job, JobState.CANCELLED, now)

    def end(self, job: Job, state: JobState, now: int, error: str = "") -> bool:
        """End a reindex and move its generation on; False if it had ended before."""
        return self.catalogue.end(job, state, now, error)

    def delete(self, generation_id: str) -> None:
        """Delete a generation and all that was made for it. NotNowError if it is in use."""
        state = self.generation(generation_id).state
        if state not in _DELETABLE:
            raise NotNowError("GENERATION_IN_USE", f"{generation_id} is in the state {state.name}")
        busy = [j for j in self.jobs.jobs(JobState.RUNNING) if j.generation_id == generation_id]
        if busy:
            raise NotNowError("GENERATION_IN_USE", f"{busy[0].job_id} works on {generation_id}")
        self.catalogue.delete_generation(generation_id)
        self._discard(generation_id)

    def _planned(self, spec: ReindexSpec, serving: Generation) -> Generation:
        source, model = serving.source, serving.model
        if spec.model:
            source, model = self._describe(spec.model)
        vectors_of = generation_id(model)
        same = vectors_of == serving.vectors_of
        return Generation(
            generation_id=rebuilt_id(vectors_of, spec.index) if same else vectors_of,
            vectors_of=vectors_of,
            source=source,
            model=model,
            index=spec.index,
            state=GenerationState.BUILDING,
            created_at=self._clock.now(),
        )

    def _job(self, generation: Generation, ranges: tuple[Range, ...], *, reembed: bool) -> Job:
        now = self._clock.now()
        return Job(
            job_id=f"reindex-{secrets.token_hex(8)}",
            generation_id=generation.generation_id,
            kind=JobKind.REEMBED if reembed else JobKind.REBUILD,
            state=JobState.RUNNING,
            phase=Phase.EMBEDDING if reembed else Phase.INDEXING,
            up_to=ranges[-1].last if ranges else 0,
            total=sum(r.prompts for r in ranges),
            embedded=0,
            indexed=0,
            created_at=now,
            updated_at=now,
        )


def _already(there: Generation, spec: ReindexSpec) -> AlreadyThereError:
    """Say what is there, and what to do where it is not what was asked for."""
    name, state = there.generation_id, there.state.name
    if there.index == spec.index or not spec.index.chosen():
        return AlreadyThereError(f"{name} is that already, in the state {state}")
    return AlreadyThereError(
        f"{name} is of that model already, in the state {state}, with another index: "
        "let it serve and reindex from there, or delete it"
    )
