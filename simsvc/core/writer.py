"""The one writing thread, with group commit.

Everything that changes the record, the index or the detector runs here, one thing after the other:
no locks, and whatever arrives during a commit goes together into the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from simsvc.core.commit import Pending, StaleEmbeddingError
from simsvc.domain.errors import UnavailableError
from simsvc.domain.prompt import Outcome

T = TypeVar("T")


class CommitsGroups(Protocol):
    """What the writer drives."""

    def commit(self, group: Sequence[Pending]) -> list[Outcome | None]:
        """Record a group of prompts; None for one that has to be embedded again."""
        ...


class Writer:
    """Queues prompts for the writing thread. Used from one event loop."""

    def __init__(self, committer: CommitsGroups, thread: ThreadPoolExecutor, group: int) -> None:
        self._committer = committer
        self._thread = thread
        self._group = group
        self._queue: deque[tuple[Pending, asyncio.Future[Outcome]]] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self.writable = True
        self.commits = 0
        self.committed = 0
        self.last_recorded = 0

    @property
    def depth(self) -> int:
        """Prompts that wait for the next commit."""
        return len(self._queue)

    def submit(self, pending: Pending) -> asyncio.Future[Outcome]:
        """Queue a prompt; the future resolves when it is on disk."""
        if self._closing:
            raise UnavailableError("the server is shutting down")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((pending, future))
        self._arrived.set()
        return future

    async def call(self, work: Callable[[], T]) -> T:
        """Run something else on the writing thread, between two commits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def run(self) -> None:
        """Commit groups until `close`, then what is left."""
        while not (self._closing and not self._queue):
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await self._commit_next()

    def close(self) -> None:
        """Take no more; let `run` end when the queue is empty."""
        self._closing = True
        self._arrived.set()

    async def _commit_next(self) -> None:
        size = min(self._group, len(self._queue))
        taken = [self._queue.popleft() for _ in range(size)]
        # A caller who has left is dropped as long as nothing was written for it.
        group = [(p, f) for p, f in taken if not f.cancelled()]
        if not group:
            return
        try:
            outcomes = await self.call(lambda: self._committer.commit([p for p, _ in group]))
        except UnavailableError as error:
            self.writable = False
            _resolve(group, error)
        except BaseException:
            # Memory may no longer match the record. The server stops and replays it.
            self._closing = True
            _resolve([*group, *self._queue], UnavailableError("the server failed and is stopping"))
            self._queue.clear()
            raise
        else:
            self.writable = True
            self.commits += 1
            self._tell(group, outcomes)

    def _tell(
        self,
        group: Sequence[tuple[Pending, asyncio.Future[Outcome]]],
        outcomes: Sequence[Outcome | None],
    ) -> None:
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if outcome is not None:
                self.committed += 1
                self.last_recorded = outcome.seq
            if future.done():
                continue
            if outcome is None:
                future.set_exception(StaleEmbeddingError())
            else:
                future.set_result(outcome)


def _resolve(
    group: Sequence[tuple[Pending, asyncio.Future[Outcome]]], error: UnavailableError
) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
