"""One model thread behind a queue: texts that wait together are embedded together.

While the processor computes a round of texts, the model's thread gets the next one ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from simsvc.domain.errors import UnavailableError
from simsvc.embed.cache import EmbeddingCache
from simsvc.embed.engine import Encoded, Engine
from simsvc.embed.passes import start_texts
from simsvc.ports.embedder import Embedding, ModelInfo, Priority

_STOP_PRIORITY = 1_000_000
_ROUND_PASSES = 4
_CHARS_PER_TOKEN = 4
# Seconds without a job after which the model's thread asks how the last ones went.
_QUIET = 0.5


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
    done: asyncio.Future[Embedding] = field(compare=False)
    # How many callers wait; 0 once all have left.
    waiting: int = field(default=1, compare=False)
    taken: bool = field(default=False, compare=False)


class _Waiting(queue.PriorityQueue[_Job]):
    """Jobs, the most urgent first."""

    def put_all(self, jobs: Sequence[_Job]) -> None:
        """Add jobs at once: the model's thread, woken by the first, would be in each one's way."""
        if jobs:
            with self.not_empty:
                for job in jobs:
                    self._put(job)
                self.not_empty.notify()


@dataclass(frozen=True, slots=True, eq=False)
class _Round:
    """Jobs that were taken together, and those of them that somebody waited for then."""

    jobs: Sequence[_Job]
    wanted: Sequence[_Job]


class Batcher:
    """See `Embedder`. `start` it on the event loop that will use it.

    The queue is as long as the permits that ingest and look-ups hold allow.
    """

    def __init__(self, engine: Engine, budget: int, max_texts: int, cache: EmbeddingCache) -> None:
        self._engine = engine
        self._budget = budget
        self._max_texts = max_texts
        self._cache = cache
        self._queue = _Waiting()
        self._in_flight: dict[bytes, _Job] = {}
        self._begun: dict[bytes, _Job] = {}
        # The model's thread adds to it, and the event loop takes away.
        self._rounds: set[_Round] = set()
        self._number = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._last: _Job | None = None
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
        self._last = _Job(_STOP_PRIORITY, 0, b"", "", self._loop.create_future())
        self._thread = threading.Thread(
            target=self._run, args=(prepare,), name="model", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the model thread after what is queued. Any thread but the model's may call it."""
        self._stopping = True
        if self._thread is not None and self._last is not None:
            self._queue.put(self._last)
            self._thread.join()

    async def embed(self, texts: Sequence[str], priority: Priority) -> list[Embedding]:
        """See `Embedder.embed`."""
        if self._failed.is_set():
            raise UnavailableError("the model failed")
        found: list[Embedding | _Job] = []
        try:
            self._find(texts, priority, found)
            jobs = [one for one in found if isinstance(one, _Job)]
            # What other callers wait for too does not end with this one.
            if waited := {job.done for job in jobs if not job.done.done()}:
                await asyncio.wait(waited, return_when=asyncio.FIRST_EXCEPTION)
        except BaseException:
            for one in found:
                if isinstance(one, _Job):
                    one.waiting -= 1
            raise
        return [one.done.result() if isinstance(one, _Job) else one for one in found]

    def begin(self, texts: Sequence[str], priority: Priority) -> None:
        """See `Embedder.begin`."""
        if self._in_flight or self._stopping or self._failed.is_set():
            return
        # What nobody has come for until now was known to the record.
        self._begun.clear()
        try:
            for text in texts:
                key = self._cache.key(text)
                if key not in self._cache and key not in self._begun:
                    self._begun[key] = self._made(key, text, priority)
        finally:
            self._queue.put_all([*self._begun.values()])

    async def watch(self) -> None:
        """Wait for a failure of the model thread, and raise UnavailableError then."""
        await self._failed.wait()
        raise UnavailableError("the model failed")

    def _find(
        self, texts: Sequence[str], priority: Priority, found: list[Embedding | _Job]
    ) -> None:
        """Add each text's embedding to what was found, or the job that makes it."""
        new: list[_Job] = []
        try:
            for text in texts:
                found.append(self._found(text, priority, new))
        finally:
            self._queue.put_all(new)

    def _found(self, text: str, priority: Priority, new: list[_Job]) -> Embedding | _Job:
        """Return a text's embedding, or the job that makes it, which may be a new one."""
        key = self._cache.key(text)
        begun = self._begun.pop(key, None)
        # The first to ask for what was begun repeats nothing, and is no hit of the cache.
        cached = None if begun else self._cache.get(key)
        if cached is not None:
            return cached
        job = begun or self._in_flight.get(key)
        if job is None or job.waiting == 0 or (priority < job.priority and not job.taken):
            # A more urgent caller does not wait for a batch job's turn.
            new.append(self._made(key, text, priority))
            return new[-1]
        job.waiting += 1
        return job

    def _made(self, key: bytes, text: str, priority: Priority) -> _Job:
        """Return a new job, which is not in the queue yet."""
        if self._loop is None or self._stopping or self._failed.is_set():
            raise UnavailableError("the model thread does not run")
        self._number += 1
        job = _Job(priority, self._number, key, text, self._loop.create_future())
        self._in_flight[key] = job
        return job

    def _run(self, prepare: Callable[[], None] | None) -> None:
        try:
            if prepare:
                prepare()
        except BaseException:
            self._call(self._fail_all)
            raise
        stop = False
        while not stop:
            try:
                jobs, stop = self._take()
                if jobs:
                    self._start(_Round(jobs, [job for job in jobs if job.waiting]))
                if stop:
                    self._engine.finish()
            except BaseException:
                self._call(self._fail_all)
                raise

    def _start(self, taken: _Round) -> None:
        self._rounds.add(taken)
        texts = [job.text for job in taken.wanted]
        start_texts(self._engine, texts, partial(self._call, self._finish, taken))

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job, and take what else is there, the most urgent first.

        No more than some passes of the model, so that a look-up that comes next waits for those.
        """
        jobs = [self._first()]
        room = _ROUND_PASSES * _CHARS_PER_TOKEN * self._budget - len(jobs[0].text)
        with contextlib.suppress(queue.Empty):
            while len(jobs) < self._max_texts and room > 0:
                jobs.append(self._queue.get_nowait())
                room -= len(jobs[-1].text)
        for job in jobs:
            job.taken = True
        stop = any(job is self._last for job in jobs)
        return [job for job in jobs if job is not self._last], stop

    def _first(self) -> _Job:
        """Wait for a job; look after those that compute if none comes."""
        if self._rounds:
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=_QUIET)
            # Raises what they have failed with.
            self._engine.finish()
        return self._queue.get()

    def _call(self, work: Callable[..., None], *args: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *args)

    def _finish(self, taken: _Round, results: Sequence[Embedding], encoded: Encoded) -> None:
        self._rounds.discard(taken)
        self._count(taken, results, encoded)
        for job, embedding in zip(taken.wanted, results, strict=True):
            self._cache.put(job.key, embedding)
            if not job.done.done():
                job.done.set_result(embedding)
        for job in taken.jobs:
            if self._in_flight.get(job.key) is job:
                del self._in_flight[job.key]
            if not job.done.done():
                # Somebody joined after the thread had passed the job over.
                self._requeue(job) if job.waiting else job.done.cancel()

    def _count(self, taken: _Round, results: Sequence[Embedding], encoded: Encoded) -> None:
        self.counters.batches += encoded.passes
        self.counters.computed += encoded.computed
        self.counters.texts += len(results)
        self.counters.windows += sum(result.windows for result in results)
        self.counters.tokens += sum(result.tokens for result in results)
        self.counters.abandoned += len(taken.jobs) - len(taken.wanted)

    def _requeue(self, job: _Job) -> None:
        self._in_flight[job.key] = job
        self._queue.put(job)

    def _fail_all(self) -> None:
        """Nothing is embedded any more: whoever waits is told."""
        self._failed.set()
        waiting = [*self._in_flight.values()]
        waiting += [job for taken in self._rounds for job in taken.jobs]
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.append(self._queue.get_nowait())
        self._in_flight.clear()
        for job in waiting:
            if not job.done.done():
                job.done.set_exception(UnavailableError("the model failed"))
                job.done.exception()  # It is retrieved here, in case nobody waits for it.
