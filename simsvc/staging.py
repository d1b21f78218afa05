"""Generations loaded into a server: the one that answers, and one that is about to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from simsvc.assembly import make_batcher, make_engine, make_index, make_stage
from simsvc.core.cutover import ActivationError
from simsvc.core.stage import Stage, Stages
from simsvc.domain.errors import UnavailableError
from simsvc.embed.batcher import Batcher
from simsvc.embed.choice import LOAD_ERRORS
from simsvc.embed.engine import Engine
from simsvc.index.segmented import SegmentedIndex
from simsvc.ports.generation import Generation, generation_id
from simsvc.record.open import settings_of
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings
from simsvc.threads import Threads

_GRACE = 10.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Loaded:
    batcher: Batcher
    index: SegmentedIndex
    watching: asyncio.Task[None]


class StageFactory:
    """Makes stages and lets go of them. Used from the event loop."""

    def __init__(
        self, settings: Settings, record: SqlRecord, engine: Engine, threads: Threads
    ) -> None:
        self._settings = settings
        self._record = record
        self._threads = threads
        self._loaded: dict[int, tuple[Stage, _Loaded]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = asyncio.Event()
        self.stages = Stages(self._stage(settings, record, engine))

    @property
    def serving(self) -> Batcher:
        """Return what embeds for the generation that answers."""
        return self._loaded[id(self.stages.serving)][1].batcher

    async def make(self, generation: Generation) -> Stage:
        """Load a generation's model, with an empty index. ActivationError if that cannot be."""
        settings = settings_of(self._settings, generation)
        try:
            # A thread hands its niceness on to those of the engine, which may come to answer.
            engine = await asyncio.to_thread(make_engine, settings)
        except LOAD_ERRORS as error:
            raise ActivationError(f"the model cannot be loaded: {error}") from error
        if generation_id(engine.info) != generation.vectors_of:
            raise ActivationError("the model is not the one that the vectors were made with")
        return self._stage(settings, self._record.of(generation), engine)

    def release(self, stage: Stage) -> None:
        """Let go of a stage: what was queued for its model is still done."""
        _, loaded = self._loaded.pop(id(stage))
        # It would hold the stage and its model until the process ends.
        loaded.watching.cancel()
        loaded.index.give_up_merges()
        self._keep(asyncio.create_task(self._end(loaded)))

    def retire(self, stage: Stage) -> None:
        """Let go of a stage when the calls that began with it have ended."""

        async def later() -> None:
            await asyncio.sleep(_GRACE)
            self.release(stage)

        self._keep(asyncio.create_task(later()))

    async def watch(self) -> None:
        """Wait until the model of the generation that answers fails; raise UnavailableError."""
        await self._failed.wait()
        raise UnavailableError("the model failed")

    def close(self) -> None:
        """Stop the models, and merges. Any thread but theirs."""
        self._give_up_merges()
        for _, loaded in list(self._loaded.values()):
            loaded.batcher.stop()

    def finish_sealing(self) -> None:
        """Give up merges and wait for segments that are being sealed; raise what went wrong."""
        # Of all before the first wait: they share a thread.
        self._give_up_merges()
        for _, loaded in list(self._loaded.values()):
            loaded.index.finish_sealing()

    def _give_up_merges(self) -> None:
        for _, loaded in list(self._loaded.values()):
            loaded.index.give_up_merges()

    def _stage(self, settings: Settings, record: SqlRecord, engine: Engine) -> Stage:
        name = record.generation.generation_id
        threads = self._threads
        index = make_index(
            settings, engine.info, threads.sealing, threads.helpers, name, threads.merging
        )
        batcher = make_batcher(settings, engine)
        try:
            stage = make_stage(settings, record, batcher, index)
        except BaseException:
            # Its thread would wait for texts, with the model, until the process ends.
            self._keep(asyncio.create_task(asyncio.to_thread(batcher.stop)))
            raise
        watching = asyncio.create_task(self._watch(stage, batcher))
        self._keep(watching)
        self._loaded[id(stage)] = (stage, _Loaded(batcher, index, watching))
        return stage

    async def _end(self, loaded: _Loaded) -> None:
        """Stop a model and wait for segments that are being sealed; then nobody holds the two."""

        def end() -> None:
            loaded.batcher.stop()
            loaded.index.finish_sealing()

        loop = asyncio.get_running_loop()
        try:
            # On that thread: a cut-over that was left may be adding to the index there.
            await loop.run_in_executor(self._threads.staging, end)
        except Exception as error:  # noqa: BLE001 - FAISS raises what it likes
            # Nobody reads it any more; taken up again, it is restored from what is on disk.
            _log.warning("sealing_failed", reason=type(error).__name__)

    async def _watch(self, stage: Stage, batcher: Batcher) -> None:
        try:
            await batcher.watch()
        except UnavailableError:
            # Another one's failure is its cut-over's: it ends, and this one goes on.
            if self.stages.serving is stage:
                self._failed.set()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
