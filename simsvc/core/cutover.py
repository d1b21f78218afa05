"""One generation takes over from another, while prompts come and are looked up all along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import structlog

from simsvc.core.campaigns import CampaignBook
from simsvc.core.embedding import as_stored, items_again
from simsvc.core.lifecycle import restore, sightings_of
from simsvc.core.stage import Stage, Stages
from simsvc.core.views import Dissector
from simsvc.core.writer import Writer
from simsvc.domain.chunks import chunks
from simsvc.domain.generation import Job, Phase
from simsvc.domain.reference import ReferenceItem, ReferenceSet
from simsvc.ports.clock import Clock
from simsvc.ports.embedder import Priority
from simsvc.ports.generation import Catalogue, Generation
from simsvc.ports.index import Vectors
from simsvc.ports.jobs import Jobs, Reembedding, Source
from simsvc.ports.record import ReplayBatch

T = TypeVar("T")
_BATCH = 256
# So far behind, the rest is a matter of moments: new prompts are embedded for both.
_DUAL_FROM = 512
_LAST = 64
_REFERENCES = 256
_log = structlog.get_logger()


class CancelledCutoverError(Exception):
    """Somebody asked the cut-over to stop."""


class ActivationError(Exception):
    """A generation cannot take over: its model is not what it was, or a text is gone."""


@dataclass(frozen=True, slots=True)
class Staging:
    """Makes a generation's parts, and lets go of them: at once, or when calls have ended."""

    make: Callable[[Generation], Awaitable[Stage]]
    release: Callable[[Stage], None]
    retire: Callable[[Stage], None]


class Cutover:
    """Loads a generation, lets it catch up, and puts it in the place of the one that answers.

    `catalogue` writes as the server's one writer does: only that knows if a commit was taken.
    Its index and detector change on the staging thread alone until it takes over, and on the
    writing thread from then on.
    """

    def __init__(
        self,
        stages: Stages,
        catalogue: Catalogue,
        jobs: Jobs,
        vectors: Callable[[Generation], Reembedding],
        book: CampaignBook,
        dissector: Dissector,
        writer: Writer,
        clock: Clock,
        staging: Staging,
        thread: Executor,
    ) -> None:
        self._stages = stages
        self._catalogue = catalogue
        self._jobs = jobs
        self._vectors = vectors
        self._book = book
        self._dissector = dissector
        self._writer = writer
        self._clock = clock
        self._staging = staging
        self._thread = thread

    async def run(self, job: Job, generation: Generation) -> None:
        """Let a generation take over, which ends the job.

        Raises CancelledCutoverError if the job is cancelled before, and whatever loading raises.
        """
        stage = await self._staging.make(generation)
        try:
            vectors = await self._on_thread(lambda: self._vectors(generation))
            move = _Move(stage, generation, vectors, generation.placed)
            await self._on_thread(lambda: restore(stage, move.placed))
            await self._references(move)
            await self._catch_up(job, move)
            old = await self._take_over(job, move)
        except BaseException:
            if self._stages.serving is not stage:
                self._stages.next = None
                self._staging.release(stage)
            raise
        _log.info("generation_serves", generation=generation.generation_id)
        self._staging.retire(old)

    async def _references(self, move: _Move) -> None:
        """Embed the items of reference sets that the generation has not."""
        record, stage = self._stages.serving.record, move.stage
        for held in await self._on_thread(record.reference_sets):
            texts = await self._on_thread(partial(record.reference_texts, held.name))
            items = await self._on_thread(partial(record.reference_items, held.name))
            there = {i.hash for i in await self._on_thread(
                partial(stage.record.reference_items, held.name)
            )}  # fmt: skip
            # What was added between the two reads has no text here, and comes with the next look.
            missing = [i for i in items if i.hash not in there and texts.get(i.hash) is not None]
            for part in chunks(missing, _REFERENCES):
                wanted = [texts[i.hash] or "" for i in part]
                made = await stage.embedder.embed(wanted, Priority.BULK)
                again = items_again(part, texts, made)
                await self._writer.call(partial(self._add_references, stage, held, again))
        load = partial(stage.detector.library.load, stage.record, self._dissector)
        await self._writer.call(load)

    def _add_references(
        self, stage: Stage, held: ReferenceSet, items: Sequence[ReferenceItem]
    ) -> None:
        # A set that was deleted while its items were embedded must not come back.
        there = {i.hash for i in self._stages.serving.record.reference_items(held.name)}
        if left := [i for i in items if i.hash in there]:
            stage.record.add_references(held.name, held.kind, left, held.created_at)

    async def _catch_up(self, job: Job, move: _Move) -> None:
        """Embed and index what came since, then go on with new prompts embedded for both."""
        await self._note(job, Phase.CATCHING_UP, move)
        while await self._behind(move) > _DUAL_FROM:
            await self._advance(job, move)
        await self._note(job, Phase.DUAL_EMBEDDING, move)
        self._stages.next = move.stage
        # From here on sets are loaded and deleted for both; this is what came before.
        await self._references(move)
        while await self._behind(move) > _LAST:
            await self._advance(job, move)

    async def _take_over(self, job: Job, move: _Move) -> Stage:
        while True:
            old = self._stages.serving
            flipping = asyncio.create_task(self._flipped(job, move))
            try:
                flipped = await asyncio.shield(flipping)
            except asyncio.CancelledError:
                # What has begun on the writing thread ends there: it must be known how.
                await flipping
                raise
            if flipped:
                return old
            await self._advance(job, move)

    async def _flipped(self, job: Job, move: _Move) -> bool:
        try:
            return await self._writer.call(lambda: self._flip(job, move))
        except Exception:
            # The record may have it and memory not, or have another writer: a write will tell, and
            # end the process then. The probe writes soon, whether or not prompts come.
            self._writer.writable = False
            raise

    async def _behind(self, move: _Move) -> int:
        last = await self._on_thread(self._stages.serving.record.last_seq)
        return max(0, last - move.placed)

    async def _advance(self, job: Job, move: _Move) -> None:
        """Take in the next prompts; those that have no vector yet are embedded."""
        if (now := await self._on_thread(lambda: self._jobs.job(job.job_id))) is None or now.cancel:
            raise CancelledCutoverError(job.job_id)
        batch = await self._on_thread(lambda: move.next(self._stages.serving))
        if batch is None:
            return
        seqs = batch.rows["seq"].tolist()
        held = await self._on_thread(lambda: move.vectors.held(seqs))
        missing = [seq for seq in seqs if seq not in held]
        if missing:
            sources = await self._on_thread(lambda: move.vectors.sources(missing[0], missing[-1]))
            wanted = {s.seq: _payload(s) for s in sources if s.seq not in held}
            made = await move.stage.embedder.embed(list(wanted.values()), Priority.BULK)
            stored = dict(zip(wanted, as_stored(made), strict=True))
            await self._on_thread(lambda: move.vectors.put_embeddings(stored))
            held |= {seq: embedding.vector for seq, embedding in stored.items()}
        vectors = np.stack([held[seq] for seq in seqs])
        await self._on_thread(lambda: move.take(batch, vectors, self._stages.serving))
        await self._note(job, now.phase, move)

    def _flip(self, job: Job, move: _Move) -> bool:
        """Take over between two commits; False if there are prompts without a vector. Writer."""
        serving, stage = self._stages.serving, move.stage
        last = serving.record.last_seq()
        while (batch := move.next(serving)) is not None:
            seqs = batch.rows["seq"].tolist()
            held = move.vectors.held(seqs)
            if len(held) < len(seqs) or last - move.placed > _DUAL_FROM:
                return False
            move.take(batch, np.stack([held[seq] for seq in seqs]), serving)
        campaigns = self._book.rebased(self._families(move))
        name, now = move.generation.generation_id, self._clock.now()
        self._catalogue.flip(name, campaigns, last, now, job.job_id)
        self._stages.next = stage
        self._stages.flip()
        self._book.take_over(stage.generation, campaigns)
        return True

    def _families(self, move: _Move) -> dict[int, int]:
        named = {f for c in self._book.all() for f in c.families if f}
        # A family is named by its first prompt: where that lies now, its campaign goes on.
        return {f: now or f for f, now in move.vectors.families(sorted(named)).items()}

    async def _note(self, job: Job, phase: Phase, move: _Move) -> None:
        """Note how many prompts were taken in, of those that there are to be."""
        total = move.taken + await self._behind(move)

        def note() -> None:
            self._jobs.add_ranges(job.job_id, (), move.placed, total)
            self._jobs.note_phase(job.job_id, phase, move.taken, self._clock.now())

        await self._on_thread(note)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _payload(source: Source) -> str:
    if source.payload is None:
        raise ActivationError(f"prompt {source.seq} has no text that could be embedded")
    return source.payload


@dataclass(slots=True)
class _Move:
    """A generation on its way: `placed` is the last seq that its index and detector have.

    `taken` prompts were added since it was loaded.
    """

    stage: Stage
    generation: Generation
    vectors: Reembedding
    placed: int
    taken: int = 0

    def next(self, serving: Stage) -> ReplayBatch | None:
        """Read the next prompts of the record, without vectors."""
        last = serving.record.last_seq()
        return next(self.stage.record.replay(self.placed, last, _BATCH, with_vectors=False), None)

    def take(self, batch: ReplayBatch, vectors: Vectors, serving: Stage) -> None:
        """Add prompts to index and detector; another model's vectors have families of their own."""
        rows = batch.rows.copy()
        seqs = rows["seq"].tolist()
        if serving.vectors_of != self.stage.vectors_of:
            placements = self.stage.assigner.place(vectors, seqs)
            rows["family"] = [p.family for p in placements]
            self.vectors.put_families(dict(zip(seqs, rows["family"].tolist(), strict=True)))
        placed = ReplayBatch(rows, batch.payload_hashes, batch.traces, vectors)
        self.stage.index.add(rows, vectors)
        self.stage.detector.observe(list(sightings_of(placed)))
        self.placed = seqs[-1]
        self.taken += len(seqs)
