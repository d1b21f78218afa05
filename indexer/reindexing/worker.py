"""A worker: it leases ranges of a job, embeds their prompts, and writes what came of it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from indexer.reindexing.leases import Heartbeat
from indexer.reindexing.parts import Workshop, new_owner
from simsvc import niceness
from simsvc.core.clock import SystemClock
from simsvc.core.embedding import as_stored
from simsvc.domain.generation import Job
from simsvc.embed.engine import Engine
from simsvc.embed.passes import Ahead, embed_texts
from simsvc.ports.embedder import Embedding
from simsvc.ports.jobs import Lease, Source
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

    The next range is begun before what the last came to is written. While others hold what is left,
    it waits: one of them may die.
    """
    owner, clock = new_owner(), SystemClock()
    record = shop.record(shop.generation_of(job))
    ahead, begun = Ahead(engine), deque[tuple[Lease, Sequence[Source]]]()
    ranges = prompts = lost = 0
    with Heartbeat(shop.database.jobs, job.job_id, owner, lease) as beat:
        while not (alone() or beat.stopped):
            held = beat.jobs.lease_range(job.job_id, owner, clock.now(), beat.until())
            if held is not None:
                begun.append((held, record.sources(held.range.first, held.range.last)))
                ahead.start(list(texts_of(begun[-1][1]).values()))
                if len(begun) == 1:
                    continue
            if begun:
                taken, sources = begun.popleft()
                made = spread(sources, ahead.take())
                if beat.stopped:
                    break
                if record.finish_range(taken, made, clock.now()):
                    ranges, prompts = ranges + 1, prompts + len(made)
                else:
                    lost += 1
            elif beat.jobs.unfinished(job.job_id):
                time.sleep(_POLL)
            else:
                break
    return Worked(ranges, prompts, lost)


def embed_sources(engine: Engine, sources: Sequence[Source]) -> dict[int, Embedding]:
    """Embed recorded prompts, each text once; the same ones in the same way whoever does it."""
    embeddings, _ = embed_texts(engine, list(texts_of(sources).values()))
    return spread(sources, embeddings)


def texts_of(sources: Sequence[Source]) -> dict[bytes, str]:
    """Return each text of recorded prompts once, by its hash."""
    texts: dict[bytes, str] = {}
    for source in sources:
        if source.payload is None:
            raise TextMissingError(f"prompt {source.seq} has no text that could be embedded")
        texts.setdefault(source.payload_hash, source.payload)
    return texts


def spread(sources: Sequence[Source], embeddings: Sequence[Embedding]) -> dict[int, Embedding]:
    """Return what is recorded for each prompt, given the embeddings of `texts_of` them."""
    hashes = dict.fromkeys(source.payload_hash for source in sources)
    stored = dict(zip(hashes, as_stored(embeddings), strict=True))
    return {source.seq: stored[source.payload_hash] for source in sources}


def work(settings: Settings, job_id: str, threads: int, lease: float) -> Worked:
    """Work in a process of its own, until there is nothing left or its parent has gone."""
    configure_logs("warning", "text")
    niceness.yield_to_all()
    parent = os.getppid()
    shop = Workshop.open(settings)
    try:
        job = shop.reindexing().job(job_id)
        engine = shop.engine(shop.generation_of(job), threads)
        engine.use_this_thread()
        return embed_ranges(shop, job, engine, lease, lambda: os.getppid() != parent)
    finally:
        shop.close()
