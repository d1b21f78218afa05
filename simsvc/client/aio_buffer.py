"""A buffer in front of `BatchObservePrompts` for backends on asyncio."""

# ruff: noqa: ASYNC109  (a timeout here ends in False, not in an exception)

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Self

from simsvc.client._backlog import Backlog, Item, size_of
from simsvc.client.aio import AsyncClient
from simsvc.client.buffering import BufferOptions, BufferStats, stamped
from simsvc.client.errors import SimsvcRpcError
from simsvc.client.prompts import ObservedPrompt

_CLOSE_TIMEOUT = 10.0


class AsyncPromptBuffer:
    """`PromptBuffer` for asyncio, with the same arguments and accounts.

    Must be made and used in one running event loop. Close it before its client.
    """

    def __init__(self, client: AsyncClient, options: BufferOptions | None = None) -> None:
        self._client = client
        self._options = options or BufferOptions()
        self._backlog = Backlog(self._options)
        # Set to make all who wait look again.
        self._work = asyncio.Event()
        self._settled = asyncio.Event()
        self._closed = False
        self._stopped = False
        self._tasks = [asyncio.create_task(self._run()) for _ in range(self._options.senders)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def put(self, prompt: ObservedPrompt, timeout: float = 0.0) -> bool:
        """See `PromptBuffer.put`. Does not yield to the event loop if it need not wait."""
        message = stamped(self._client.encode(prompt))
        size = size_of(message)
        if timeout > 0 and self._backlog.fits(size):
            await self._wait_until(
                lambda: self._closed or self._backlog.has_room(size, time.monotonic()), timeout
            )
        if self._closed:
            self._backlog.refuse()
            return False
        before = self._backlog.wake_at()
        accepted = self._backlog.offer(message, size, time.monotonic())
        if self._backlog.wake_at() != before:
            self._work.set()
        return accepted

    async def flush(self, timeout: float | None = None) -> bool:
        """See `PromptBuffer.flush`."""
        last = self._backlog.hurry()
        self._work.set()
        await self._wait_until(lambda: self._stopped or self._backlog.is_settled(last), timeout)
        return self._backlog.is_settled(last)

    async def close(self, timeout: float | None = _CLOSE_TIMEOUT) -> bool:
        """See `PromptBuffer.close`. Calls that are on their way after `timeout` are cancelled."""
        self._closed = True
        self._settled.set()
        try:
            return await self.flush(timeout)
        finally:
            if not self._stopped:
                self._backlog.abandon()
            self._stopped = True
            self._settled.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def stats(self) -> BufferStats:
        """See `PromptBuffer.stats`."""
        return self._backlog.stats()

    async def _wait_until(self, ready: Callable[[], bool], timeout: float | None) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not ready():
                    self._settled.clear()
                    await self._settled.wait()
        return ready()

    async def _run(self) -> None:
        while True:
            await self._send(await self._next())

    async def _next(self) -> list[Item]:
        """Wait for a batch."""
        while True:
            batch = self._backlog.take(time.monotonic())
            # A batch may have been settled before, and taking drops what is too old.
            self._settled.set()
            if batch:
                return batch
            wake_at = self._backlog.wake_at()
            self._work.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wake_at is None else wake_at - time.monotonic()):
                    await self._work.wait()

    async def _send(self, batch: list[Item]) -> None:
        try:
            results = await self._client.observe_encoded(
                [item.prompt for item in batch], self._options.call_timeout
            )
        except SimsvcRpcError as error:
            self._backlog.fail(batch, error, time.monotonic())
        else:
            self._backlog.settle(batch, results, time.monotonic())
