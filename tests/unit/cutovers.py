"""A cut-over in one process: the core over a record in SQLite, with models that are not there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from simsvc.core.cutover import Cutover, Staging
from simsvc.core.detection import Detector
from simsvc.core.families import FamilyAssigner, FamilyRule
from simsvc.core.generations import Generations
from simsvc.core.references import ReferenceSets
from simsvc.core.reindex import Reindexing
from simsvc.core.stage import Stage
from simsvc.domain.generation import GenerationState, IndexParameters, Job
from simsvc.index.flat import FlatIndex
from simsvc.ports.embedder import Embedding, ModelInfo, Priority
from simsvc.ports.generation import Generation, generation_id
from tests.contract.support import fill, open_sql
from tests.fakes.embedder import DIMENSION, INFO, FakeEmbedder
from tests.fakes.prompts import KEYRING, NOW
from tests.unit.helpers import RULE, Core, FixedClock

OTHER = replace(INFO, sha256="1" * 64)


class HeldEmbedder(FakeEmbedder):
    """Waits at one text until it may go on."""

    def __init__(self, at: str = "") -> None:
        super().__init__()
        self.at = at
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def embed(self, texts: Sequence[str], priority: Priority) -> list[Embedding]:
        if self.at in texts:
            self.reached.set()
            await self.go.wait()
        return await super().embed(texts, priority)


class Changing:
    """A server's core with a generation that may take over. Make it on a running loop."""

    def __init__(self, folder: Path, prompts: int = 3) -> None:
        self.record = open_sql(folder)
        fill(self.record, [f"text number {i}" for i in range(prompts)])
        self.core = Core(self.record)
        name = generation_id(OTHER)
        state, index = GenerationState.SHADOW, IndexParameters()
        self.generation = Generation(name, name, "", OTHER, index, state, NOW)
        self.record.catalogue.add_generation(self.generation)
        self.embedder = HeldEmbedder()
        self.released: list[Stage] = []
        self.thread = ThreadPoolExecutor(1)
        core, record = self.core, self.record
        self.references = ReferenceSets(
            core.stages, core.dissector, core.writer, KEYRING, FixedClock()
        )
        self.reindexing = Reindexing(
            record.catalogue, record.jobs, record.of, self._describe, FixedClock(), str
        )
        cutover = Cutover(
            core.stages, record.catalogue, record.jobs, record.of, core.book, core.dissector,
            core.writer, FixedClock(),
            Staging(self.make, self.released.append, self.released.append), self.thread,
        )  # fmt: skip
        self.generations = Generations(self.reindexing, cutover, FixedClock(), str)

    @property
    def name(self) -> str:
        return self.generation.generation_id

    async def make(self, generation: Generation) -> Stage:
        index = FlatIndex(DIMENSION)
        return replace(
            self.core.stages.serving,
            generation=generation.generation_id,
            vectors_of=generation.vectors_of,
            record=self.record.of(generation),
            embedder=self.embedder,
            index=index,
            assigner=FamilyAssigner(index, FamilyRule(0.85, 0.8, 8)),
            detector=Detector(RULE, index),
        )

    async def activated(self) -> Job:
        """Let the generation take over, and return how that ended."""
        job = await self.generations.activate(self.name)
        ended = await self.generations.wait(job.job_id, 20)
        await asyncio.wait_for(self.generations.stop(), 20)
        return ended

    async def stop(self) -> None:
        await self.generations.stop()
        await self.core.stop()
        self.thread.shutdown()
        self.record.close()

    def _describe(self, _: str) -> tuple[str, ModelInfo]:
        return "", OTHER
