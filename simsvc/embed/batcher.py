"""One model thread behind a queue: texts that wait together are embedded together."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simsvc.domain.errors import UnavailableError
from simsvc.embed.cache import EmbeddingCache
from simsvc.embed.engine import Engine
from simsvc.embed.passes import embed_texts
from simsvc.ports.embedder import Embedding, ModelInfo, Priority

_STOP_PRIORITY = 1_000_000
_ROUND_PASSES = 4
_CHARS_PER_TOKEN = 4


@dataclass(slots=True)
class BatcherCounters:
    """What the model thread did so far."""

    batches: int = 0
    texts: int = 0
    windows: int = 0
    tokens: int = 0
    # With padding and special tokens.
    computed: int = 0
    abandoned: int = 0


@dataclass(order=True, slots=True)
class _Job:
    priority: int
    number: int
    key: bytes = field(compare=False)
    text: str = field(compare=False)
    done: asyncio.Future[Embedding] | None = field(compare=False)
    # How many callers wait; 0 once all have left.
    waiting: int = field(default=1, compare=False)
    taken: bool = field(default=False, compare=False)


class Batcher:
    """See `Embedder`. `start` it on the event loop that will use it.

    The queue is as long as the permits that ingest and look-ups hold allow.
    """

    def __init__(self, engine: Engine, budget: int, max_texts: int, cache: EmbeddingCache) -> None:
        self._engine = engine
        self._budget = budget
        self._max_texts = max_texts
        self._cache = cache
        self._queue: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._in_flight: dict[bytes, _Job] = {}
        self._begun: dict[bytes, _Job] = {}
        self._number = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._failed = asyncio.Event()
        self._stopping = False
        self.counters = BatcherCounters()

    @property
    def info(self) -> ModelInfo:
        """See `Embedder.info`."""
        return self._engine.info

    @property
    def depth(self) -> int:
        """Texts that wait for the model."""
        return self._queue.qsize()

    @property
    def cache(self) -> EmbeddingCache:
        """The cache of exact repeats."""
        return self._cache

    def start(self, prepare: Callable[[], None] | None = None) -> None:
        """Start the model thread; it calls `prepare` first."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(prepare,), name="model", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the model thread after what is queued. Any thread but the model's may call it."""
        self._stopping = True
        if self._thread is not None:
            self._queue.put(_Job(_STOP_PRIORITY, 0, b"", "", None))
            self._thread.join()

    async def embed(self, texts: Sequence[str], priority: Priority) -> list[Embedding]:
        """See `Embedder.embed`."""
        if self._failed.is_set():
            raise UnavailableError("the model failed")
        return list(await asyncio.gather(*(self._one(text, priority) for text in texts)))

    def begin(self, texts: Sequence[str], priority: Priority) -> None:
        """See `Embedder.begin`."""
        if self._in_flight or self._stopping or self._failed.is_set():
            return
        # What nobody has come for until now was known to the record.
        self._begun.clear()
        for text in texts:
            key = self._cache.key(text)
            if key not in self._cache and key not in self._begun:
                job = self._begun[key] = self._enqueue(key, text, priority)
                if job.done is not None:
                    # Perhaps nobody comes for it.
                    job.done.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def watch(self) -> None:
        """Wait for a failure of the model thread, and raise UnavailableError then."""
        await self._failed.wait()
        raise UnavailableError("the model failed")

    async def _one(self, text: str, priority: Priority) -> Embedding:
        key = self._cache.key(text)
        begun = self._begun.pop(key, None)
        # The first to ask for what was begun repeats nothing, and is no hit of the cache.
        cached = None if begun else self._cache.get(key)
        if cached is not None:
            return cached
        job = begun or self._in_flight.get(key)
        if job is None or job.waiting == 0 or (priority < job.priority and not job.taken):
            # A more urgent caller does not wait for a batch job's turn.
            job = self._enqueue(key, text, priority)
        else:
            job.waiting += 1
        if job.done is None:
            raise UnavailableError("the model thread is stopping")
        try:
            return await asyncio.shield(job.done)
        except asyncio.CancelledError:
            job.waiting -= 1
            raise

    def _enqueue(self, key: bytes, text: str, priority: Priority) -> _Job:
        if self._loop is None or self._stopping or self._failed.is_set():
            raise UnavailableError("the model thread does not run")
        self._number += 1
        job = _Job(priority, self._number, key, text, self._loop.create_future())
        self._in_flight[key] = job
        self._queue.put(job)
        return job

    def _run(self, prepare: Callable[[], None] | None) -> None:
        try:
            if prepare:
                prepare()
        except BaseException:
            self._call(self._fail_all, [])
            raise
        stop = False
        while not stop:
            jobs, stop = self._take()
            wanted = [job for job in jobs if job.waiting]
            self.counters.abandoned += len(jobs) - len(wanted)
            if not jobs:
                continue
            try:
                results = self._embed_now([job.text for job in wanted])
            except BaseException:
                self._call(self._fail_all, jobs)
                raise
            self._call(self._finish, jobs, wanted, results)

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job, and take what else is there, the most urgent first.

        No more than some passes of the model, so that a look-up that comes next waits for those.
        """
        jobs = [self._queue.get()]
        room = _ROUND_PASSES * _CHARS_PER_TOKEN * self._budget - len(jobs[0].text)
        with contextlib.suppress(queue.Empty):
            while len(jobs) < self._max_texts and room > 0:
                jobs.append(self._queue.get_nowait())
                room -= len(jobs[-1].text)
        for job in jobs:
            job.taken = True
        stop = any(job.done is None for job in jobs)
        return [job for job in jobs if job.done is not None], stop

    def _embed_now(self, texts: Sequence[str]) -> list[Embedding]:
        results, encoded = embed_texts(self._engine, texts)
        self.counters.batches += encoded.passes
        self.counters.computed += encoded.computed
        self.counters.texts += len(texts)
        self.counters.windows += sum(result.windows for result in results)
        self.counters.tokens += sum(result.tokens for result in results)
        return results

    def _call(self, work: Callable[..., None], *args: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *args)

    def _finish(
        self, jobs: Sequence[_Job], wanted: Sequence[_Job], results: Sequence[Embedding]
    ) -> None:
        for job, embedding in zip(wanted, results, strict=True):
            self._cache.put(job.key, embedding)
            if job.done is not None and not job.done.done():
                job.done.set_result(embedding)
        for job in jobs:
            if self._in_flight.get(job.key) is job:
                del self._in_flight[job.key]
            if job.done is not None and not job.done.done():
                # Somebody joined after the thread had passed the job over.
                self._requeue(job) if job.waiting else job.done.cancel()

    def _requeue(self, job: _Job) -> None:
        self._in_flight[job.key] = job
        self._queue.put(job)

    def _fail_all(self, jobs: Sequence[_Job]) -> None:
        """Nothing is embedded any more: whoever waits is told."""
        self._failed.set()
        waiting = [*jobs, *self._in_flight.values()]
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.append(self._queue.get_nowait())
        self._in_flight.clear()
        for job in waiting:
            if job.done is not None and not job.done.done():
                job.done.set_exception(UnavailableError("the model failed"))
