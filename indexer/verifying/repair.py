"""Mends a generation from the record."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain

import faiss

from indexer.rebuild import rebuild
from indexer.reindexing.parts import Workshop
from indexer.reindexing.worker import embed_sources
from indexer.verifying.check import Checker
from indexer.verifying.faults import Checked, Kind
from indexer.verifying.vectors import bad_vectors, complete_to
from simsvc.assembly import make_index
from simsvc.domain.chunks import chunks
from simsvc.domain.generation import GenerationState
from simsvc.embed.choice import EngineMissingError
from simsvc.embed.converted import ConversionError
from simsvc.embed.engine import Engine
from simsvc.embed.fidelity import UnfaithfulEngineError
from simsvc.embed.weights import ModelNotFoundError, WrongWeightsError
from simsvc.index.inspection import inspect
from simsvc.ports.generation import Generation, generation_id
from simsvc.ports.jobs import Source
from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.sql import SqlRecord
from simsvc.threads import cores

_BATCH = 256
_NOT_LOADED = (
    ConversionError, EngineMissingError, ModelNotFoundError, OSError, UnfaithfulEngineError,
    WrongWeightsError,
)  # fmt: skip


@dataclass(slots=True)
class Mender:
    """Mends what a check found. `done` and `refused` say in words what was done and what not."""

    shop: Workshop
    checker: Checker
    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def mend(self, checked: Checked) -> None:
        """Mend a generation: vectors first, since the index is rebuilt from them."""
        generation, kinds = checked.generation, {fault.kind for fault in checked.faults}
        if kinds & {Kind.ORPHAN_VECTOR, Kind.ORPHAN_FAMILY}:
            gone = self.checker.checks(generation).delete_orphans()
            self._did(generation, f"{gone} rows without a prompt deleted")
        if kinds & {Kind.MISSING_VECTOR, Kind.BAD_VECTOR}:
            self._vectors(generation)
        found = {fault.kind for fault in self.checker.index(generation).faults}
        if not found:
            return
        with self._index_of(generation) as record:
            if record is None:
                return
            if found == {Kind.UNKNOWN_SEGMENT}:
                self._delete_unknown(generation)
            elif any(bad_vectors(self.checker.checks(generation), generation)):
                self._refuse(generation, "its index cannot be rebuilt from bad vectors")
            else:
                self._rebuild(generation, record)

    def _vectors(self, generation: Generation) -> None:
        try:
            engine = self.shop.engine(generation, self.shop.settings.model_threads or cores())
        except _NOT_LOADED as error:
            self._refuse(generation, f"its model cannot be loaded: {error}")
            return
        if generation_id(engine.info) != generation.vectors_of:
            self._refuse(generation, "the model is not the one that its vectors were made with")
            return
        engine.use_this_thread()
        checks, embedded, textless = self.checker.checks(generation), 0, 0
        broken = chain(
            checks.without_vector(complete_to(generation)), bad_vectors(checks, generation)
        )
        for page in broken:
            for seqs in chunks(page, _BATCH):
                made = self._embed(generation, engine, seqs)
                embedded, textless = embedded + made, textless + len(seqs) - made
        if embedded:
            self._did(generation, f"{embedded} prompts embedded again")
        if textless:
            self._refuse(generation, f"{textless} prompts have no text that could be embedded")

    def _embed(self, generation: Generation, engine: Engine, seqs: Sequence[int]) -> int:
        """Embed prompts again, and return how many of them have a text."""
        record = self.shop.record(generation)
        readable = [s for s in _sources(record, seqs) if s.payload is not None]
        made = embed_sources(engine, readable)
        record.put_embeddings(made)
        self.checker.checks(generation).place(list(made), self._placed_before(generation))
        return len(made)

    def _placed_before(self, generation: Generation) -> int | None:
        """Return the time (µs) of receipt before which prompts were placed by the reindex.

        None: all of them. What came later, and before another generation took over, has the family
        that `prompts` says.
        """
        owner = self.shop.database.catalogue.generation(generation.vectors_of)
        if owner is None:
            return 0
        served = owner.state is GenerationState.SERVING or owner.served_until > 0
        return owner.created_at if served else None

    @contextmanager
    def _index_of(self, generation: Generation) -> Iterator[SqlRecord | None]:
        """Yield the record while the index is ours alone; None if a server has it."""
        if self.checker.in_use(generation):
            self._refuse_index(generation)
            yield None
            return
        record = self.shop.record(generation)
        if generation.state is not GenerationState.SERVING:
            yield record
            return
        try:
            record.claim_writer()
        except RecordNotOpenedError:
            # A server has started since the question above.
            self._refuse_index(generation)
            yield None
            return
        try:
            yield record
        finally:
            record.close()

    def _refuse_index(self, generation: Generation) -> None:
        self._refuse(generation, "a server has its index in use: stop the server, then repair")

    def _delete_unknown(self, generation: Generation) -> None:
        # Looked for again: this time nobody else writes there.
        folder = self.checker.folder(generation)
        unknown = inspect(folder, generation.generation_id).unknown
        for name in unknown:
            shutil.rmtree(folder / name)
        self._did(generation, f"{len(unknown)} unknown segments deleted")

    def _rebuild(self, generation: Generation, record: SqlRecord) -> None:
        faiss.omp_set_num_threads(1)
        settings = self.shop.settings_of(generation)
        with ThreadPoolExecutor(
            1, "seal", initializer=faiss.omp_set_num_threads, initargs=(1,)
        ) as pool:
            name = generation.generation_id
            index = make_index(settings, generation.model, pool, None, name)
            index.discard_snapshot()
            # Beyond `placed` there may be vectors, but no families yet.
            total = rebuild(record, index, lambda *_: None, complete_to(generation))
        self._did(generation, f"index rebuilt from {total} prompts")

    def _did(self, generation: Generation, what: str) -> None:
        self.done.append(f"{generation.generation_id}: {what}")

    def _refuse(self, generation: Generation, why: str) -> None:
        self.refused.append(f"{generation.generation_id}: {why}")


def _sources(record: SqlRecord, seqs: Sequence[int]) -> list[Source]:
    """Return the prompts with these ascending seqs; what lies between them is not read."""
    found, start = [], 0
    for end in range(1, len(seqs) + 1):
        if end == len(seqs) or seqs[end] != seqs[end - 1] + 1:
            found += record.sources(seqs[start], seqs[end - 1])
            start = end
    return found
