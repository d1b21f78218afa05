"""A worker: it leases ranges of a job, embeds their prompts, and writes what came of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from indexer.reindexing.leases import Heartbeat
from indexer.reindexing.parts import Workshop, new_owner
from simsvc import niceness
from simsvc.core.clock import SystemClock
from simsvc.core.embedding import as_stored
from simsvc.domain.generation import Job
from simsvc.embed.engine import Engine
from simsvc.embed.passes import embed_texts
from simsvc.ports.embedder import Embedding
from simsvc.ports.jobs import Source
from simsvc.settings import Settings
from simsvc.telemetry.logs import configure_logs

_POLL = 0.2


class TextMissingError(Exception):
    """A prompt's text is not there any more: its key or the text itself has gone."""


@dataclass(frozen=True, slots=True)
class Worked:
    """What a worker did: ranges and prompts that it finished, and ranges that others took."""

    ranges: int = 0
    prompts: int = 0
    lost: int = 0


def embed_ranges(
    shop: Workshop, job: Job, engine: Engine, lease: float, alone: Callable[[], bool]
) -> Worked:
    """Work on a job's ranges until all are done, the job stops, or the worker is `alone`.

    While others hold what is left, it waits: one of them may die.
    """
    owner, clock = new_owner(), SystemClock()
    record = shop.record(shop.generation_of(job))
    ranges = prompts = lost = 0
    with Heartbeat(shop.database.jobs, job.job_id, owner, lease) as beat:
        while not alone():
            taken = beat.jobs.lease_range(job.job_id, owner, clock.now(), beat.until())
            if taken is None:
                if not beat.jobs.unfinished(job.job_id) or beat.stopped:
                    break
                time.sleep(_POLL)
                continue
            made = embed_sources(engine, record.sources(taken.range.first, taken.range.last))
            if beat.stopped:
                break
            if record.finish_range(taken, made, clock.now()):
                ranges, prompts = ranges + 1, prompts + len(made)
            else:
                lost += 1
    return Worked(ranges, prompts, lost)


def embed_sources(engine: Engine, sources: Sequence[Source]) -> dict[int, Embedding]:
    """Embed recorded prompts, each text once; the same ones in the same way whoever does it."""
    texts: dict[bytes, str] = {}
    for source in sources:
        if source.payload is None:
            raise TextMissingError(f"prompt {source.seq} has no text that could be embedded")
        texts.setdefault(source.payload_hash, source.payload)
    embeddings, _ = embed_texts(engine, list(texts.values()))
    stored = dict(zip(texts, as_stored(embeddings), strict=True))
    return {source.seq: stored[source.payload_hash] for source in sources}


def work(settings: Settings, job_id: str, threads: int, lease: float) -> Worked:
    """Work in a process of its own, until there is nothing left or its parent has gone."""
    configure_logs("warning", "text")
    os.nice(niceness.BATCH)
    parent = os.getppid()
    shop = Workshop.open(settings)
    try:
        job = shop.reindexing().job(job_id)
        engine = shop.engine(shop.generation_of(job), threads)
        engine.use_this_thread()
        return embed_ranges(shop, job, engine, lease, lambda: os.getppid() != parent)
    finally:
        shop.close()
