"""Generations as the server's callers see them: started, listed, activated, deleted."""

from __future__ import annotations

import asyncio
import secrets
import traceback
from collections.abc import Callable
from pathlib import Path

import structlog

from simsvc.core.cutover import ActivationError, CancelledCutoverError, Cutover
from simsvc.core.reindex import Plan, Reindexing, ReindexSpec
from simsvc.domain.errors import NotNowError, SimsvcError, UnavailableError
from simsvc.domain.generation import GenerationState, Job, JobKind, JobState, Phase
from simsvc.ports.clock import Clock
from simsvc.ports.generation import Generation

_POLL = 0.2
_AGAIN = 1.0
# What tells its reason in words that an operator may read.
_TOLD = (SimsvcError, ActivationError, LookupError, OSError)
_READY = (GenerationState.SHADOW, GenerationState.RETIRED)
_log = structlog.get_logger()


class Generations:
    """The use case behind ReindexService and Operations. Used from one event loop.

    `launch` starts workers for a reindex, where the server is to have some.
    """

    def __init__(
        self,
        reindexing: Reindexing,
        cutover: Cutover,
        clock: Clock,
        launch: Callable[[str], None],
    ) -> None:
        self._reindexing = reindexing
        self._cutover = cutover
        self._clock = clock
        self._launch = launch
        self._activating: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def resume(self) -> None:
        """Go on after a restart: workers are started again, a cut-over is not."""
        for job in await asyncio.to_thread(self._reindexing.jobs.jobs, JobState.RUNNING):
            if job.kind is JobKind.ACTIVATE:
                why = "the server stopped before the generation took over: activate it again"
                await self._end(job, JobState.FAILED, why)
            else:
                self._launch(job.job_id)

    async def start(self, spec: ReindexSpec, *, validate_only: bool) -> Plan:
        """Plan a reindex, and start it unless it is only to be checked. See `Reindexing.plan`."""
        async with self._starting:
            plan = await asyncio.to_thread(self._reindexing.plan, spec)
            if not validate_only:
                await asyncio.to_thread(self._reindexing.start, plan)
                self._launch(plan.job.job_id)
        return plan

    async def all(self) -> list[Generation]:
        """Return all generations, oldest first."""
        return await asyncio.to_thread(self._reindexing.catalogue.generations)

    async def generation(self, generation_id: str) -> Generation | None:
        """Return a generation, None if it was deleted."""
        return await asyncio.to_thread(self._reindexing.catalogue.generation, generation_id)

    async def activate(self, generation_id: str) -> Job:
        """Let a generation take over. NotNowError if it is not ready, or another one is at it."""
        generation = await asyncio.to_thread(self._reindexing.generation, generation_id)
        if generation.state not in _READY:
            state = generation.state.name
            raise NotNowError("GENERATION_NOT_READY", f"{generation_id} is in the state {state}")
        if self._activating is not None and not self._activating.done():
            raise NotNowError("ACTIVATION_RUNNING", "another generation is about to take over")
        job, noted = self._job(generation), asyncio.Event()
        # The task is there before anything is awaited: a second call finds it.
        self._activating = asyncio.create_task(self._activate(job, generation, noted))
        try:
            await asyncio.to_thread(self._reindexing.jobs.add_job, job, ())
        except BaseException:
            self._activating.cancel()
            raise
        noted.set()
        return job

    async def roll_back(self) -> Job:
        """Let the generation answer again that answered before. NotNowError if there is none."""
        former = [g for g in await self.all() if g.state is GenerationState.RETIRED]
        if not former:
            raise NotNowError("NOTHING_TO_ROLL_BACK", "no former generation is there")
        return await self.activate(max(former, key=lambda g: g.served_until).generation_id)

    async def delete(self, generation_id: str) -> None:
        """Delete a generation. NotNowError if it is in use."""
        await asyncio.to_thread(self._reindexing.delete, generation_id)

    async def job(self, job_id: str) -> Job:
        """Return an operation. NotFoundError if there is none."""
        return await asyncio.to_thread(self._reindexing.job, job_id)

    async def jobs(self) -> list[Job]:
        """Return all operations, newest first."""
        return await asyncio.to_thread(self._reindexing.jobs.jobs)

    async def cancel(self, job_id: str) -> None:
        """Ask an operation to stop. NotFoundError if there is none."""
        await asyncio.to_thread(self._reindexing.cancel, job_id)

    async def wait(self, job_id: str, seconds: float | None) -> Job:
        """Return an operation once it is done, or after some seconds (None: however long)."""
        loop = asyncio.get_running_loop()
        end = None if seconds is None else loop.time() + seconds
        while True:
            job = await self.job(job_id)
            if job.state is not JobState.RUNNING or (end is not None and loop.time() >= end):
                return job
            await asyncio.sleep(_POLL)

    async def stop(self) -> None:
        """Leave a cut-over that is under way: the former generation goes on."""
        if self._activating is not None and not self._activating.done():
            self._activating.cancel()
            await asyncio.wait([self._activating])

    async def _activate(self, job: Job, generation: Generation, noted: asyncio.Event) -> None:
        await noted.wait()
        name = generation.generation_id
        try:
            await self._cutover.run(job, generation)
        except CancelledCutoverError:
            await self._end_at_last(job, JobState.CANCELLED)
        except _TOLD as error:
            _log.error("activation_failed", generation=name, reason=str(error))
            await self._end_at_last(job, JobState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - models, indexes and drivers raise what they like
            # Its words may hold texts. It ends the cut-over only: a server that lost the record
            # cannot write either, and that ends the process.
            reason = f"it failed with {type(error).__name__}"
            _log.error("activation_failed", generation=name, reason=reason, at=_place_of(error))
            await self._end_at_last(job, JobState.FAILED, reason)

    async def _end_at_last(self, job: Job, state: JobState, error: str = "") -> None:
        """Note how a job ended as soon as the record can be written: what failed may be that."""
        while True:
            try:
                await self._end(job, state, error)
            except UnavailableError:
                await asyncio.sleep(_AGAIN)
            else:
                return

    async def _end(self, job: Job, state: JobState, error: str = "") -> None:
        now = self._clock.now()
        await asyncio.to_thread(self._reindexing.jobs.end_job, job.job_id, state, now, error)

    def _job(self, generation: Generation) -> Job:
        now = self._clock.now()
        return Job(
            job_id=f"activate-{secrets.token_hex(8)}",
            generation_id=generation.generation_id,
            kind=JobKind.ACTIVATE,
            state=JobState.RUNNING,
            phase=Phase.LOADING,
            up_to=0,
            total=0,
            embedded=0,
            indexed=0,
            created_at=now,
            updated_at=now,
        )


def _place_of(error: Exception) -> str:
    """Return where an error was raised."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{Path(frame.f_code.co_filename).name}:{line}"
